/** Providers that ask a hostile server. Their secrets are canaries. */
import path from 'node:path';
import { clientCredentials, fileStore, refreshToken, type ProviderSpec } from 'tokenvisor/providers';
import { CANARY } from './types.js';

/** How an exchange is to be repeated, and what is done if it may not be. */
export type Kind = 'reusable' | 'singleUse' | 'replayOnce';

const SECRET = `${CANARY}-secret`;
let stores = 0;

/**
 * Makes providers of a kind, each of an authorisation of its own.
 *
 * @param keptIn A folder for refresh tokens, or `memory`. What may be repeated asks by client credentials without one.
 */
export const providerOf = (
  kind: Kind,
  keptIn: string,
  asked: {
    readonly tokenEndpoint: string;
    readonly clientId: string;
    readonly timeoutMs: number;
    readonly ca?: string;
  },
  authorise: () => Promise<string> | string,
): (() => Promise<ProviderSpec>) => {
  const { ca, ...rest } = asked;
  const common = { ...rest, clientSecret: SECRET, ...(ca !== undefined && { tls: { ca } }) };
  if (kind === 'reusable') {
    if (keptIn === 'memory') return () => Promise.resolve(clientCredentials(common));
    return async () => refreshToken({ ...common, refreshToken: await authorise(), rotation: 'reusable' });
  }
  const store = keptIn === 'memory' ? keptIn : fileStore(path.join(keptIn, `${++stores}.json`));
  const onAmbiguous = kind === 'replayOnce' ? 'replayOnce' : 'hold';
  return async () => refreshToken({ ...common, refreshToken: await authorise(), store, onAmbiguous });
};

/** A promise, and what settles it. Whoever waits for it may come late. */
export const deferred = <T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} => {
  let settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  promise.catch(() => {});
  return { promise, ...settle };
};
