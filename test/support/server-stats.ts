/** Waits for what an authorization server has counted. */
import type { AuthorizationServer, ServerStats } from './authorization-server.mjs';
import { BOUND_MS } from './supervised.js';

/** Asks until it is so; resolves with the counts. */
export const untilStats = async (
  server: AuthorizationServer,
  what: string,
  check: (stats: ServerStats) => boolean,
): Promise<ServerStats> => {
  const endMs = performance.now() + BOUND_MS;
  for (;;) {
    const stats = await server.stats();
    if (check(stats)) return stats;
    if (performance.now() > endMs) throw new Error(`Expected ${what} within ${BOUND_MS} ms: ${JSON.stringify(stats)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** The secret of one of its clients. */
export const secretOf = (server: AuthorizationServer, clientId: string): string =>
  server.clients.find((client) => client.clientId === clientId)!.clientSecret;
