/**
 * The code under test: a client of an API. It gets its credential, a real or a test one, and a fetch function.
 */

/**
 * @param {import('tokenvisor').Credential} credential
 * @param {(authorization: string) => Promise<{ status: number, body: string }>} ask
 */
export const createReportClient = (credential, ask) => ({
  /** One report; asked for again, with another token, if the first one was refused. */
  async report() {
    const token = await credential.get({ timeoutMs: 2_000 });
    const answer = await ask(token.authorization);
    if (answer.status !== 401) return answer.body;
    const next = await credential.invalidate(token, { timeoutMs: 20_000 });
    return (await ask(next.authorization)).body;
  },
  /** What a health check of the service shows. */
  isHealthy: () => credential.status().usable,
});
