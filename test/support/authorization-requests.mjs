/** What an authorization server of the tests is asked at its token endpoint, and what it counts. */

/** @typedef {import('./authorization-server.mjs').SeenTokenRequest} SeenTokenRequest */
/** @typedef {import('./authorization-server.mjs').ServerStats} ServerStats */

/** How many are kept. */
const KEPT = 500;

/**
 * Reads the body, so that what is asked is known before the provider answers; that one takes the text from where a
 * middleware leaves it.
 * @param {any} context
 * @returns {Promise<URLSearchParams>}
 */
export async function readForm(context) {
  const chunks = [];
  for await (const chunk of context.req) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  context.req.body = text;
  return new URLSearchParams(text);
}

/** @param {string | null} jwt */
const decoded = (jwt) => {
  const [header, payload] = (jwt ?? '').split('.');
  if (!header || !payload) return undefined;
  const [one, other] = [header, payload].map((part) => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString());
    } catch {
      return undefined;
    }
  });
  return { header: one, payload: other };
};

/**
 * What a request says, without the secrets in it.
 * @param {any} context
 * @param {URLSearchParams} form
 * @returns {SeenTokenRequest}
 */
export function describeRequest(context, form) {
  const clientId = form.get('client_id') ?? clientIdOf(context.headers.authorization) ?? null;
  return {
    atMs: Date.now(),
    grantType: form.get('grant_type'),
    clientId,
    parameters: [...form.keys()],
    port: context.req.socket.localPort,
    clientAssertion: decoded(form.get('client_assertion')),
    assertion: decoded(form.get('assertion')),
    subjectToken: decoded(form.get('subject_token'))?.payload,
    actorToken: decoded(form.get('actor_token'))?.payload,
  };
}

/**
 * Notes how it was answered.
 * @param {SeenTokenRequest[]} seen
 * @param {SeenTokenRequest} request
 * @param {any} context
 */
export function noteAnswer(seen, request, context) {
  const issued = decoded(context.body?.access_token ?? null)?.payload;
  const { error } = context.body ?? {};
  seen.push({ ...request, status: context.status, issued, ...(error && { error, detail: context.state.detail }) });
  if (seen.length > KEPT) seen.shift();
}

/**
 * Counts by the events of the provider.
 * @param {any} provider
 * @param {{ clientId: string }[]} clients
 */
export function countersOf(provider, clients) {
  /** @type {ServerStats} */
  const stats = {
    tokenRequests: 0,
    withBasic: 0,
    tokensIssued: 0,
    refusals: 0,
    reuses: 0,
    revokedGrants: 0,
    byClient: {},
  };
  for (const { clientId } of clients) stats.byClient[clientId] = { requests: 0, issued: 0, refused: 0 };
  /** @type {(context: any) => { requests: number, issued: number, refused: number }} */
  const entryOf = (context) => {
    const clientId = context.oidc?.client?.clientId ?? 'unknown';
    return (stats.byClient[clientId] ??= { requests: 0, issued: 0, refused: 0 });
  };
  provider.on('grant.success', (/** @type {any} */ context) => {
    stats.tokenRequests += 1;
    stats.tokensIssued += 1;
    entryOf(context).requests += 1;
    entryOf(context).issued += 1;
  });
  provider.on('grant.error', (/** @type {any} */ context, /** @type {any} */ error) => {
    stats.tokenRequests += 1;
    stats.refusals += 1;
    entryOf(context).requests += 1;
    entryOf(context).refused += 1;
    context.state.detail = error.error_detail;
    if (String(error.error_detail).includes('already used')) stats.reuses += 1;
  });
  provider.on('grant.revoked', () => (stats.revokedGrants += 1));
  return stats;
}

/**
 * Who asks with client_secret_basic; undefined for others.
 * @param {string | undefined} authorization
 */
export function clientIdOf(authorization) {
  const encoded = /^basic (.*)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  return decodeURIComponent(Buffer.from(encoded, 'base64').toString().split(':')[0] ?? '');
}
