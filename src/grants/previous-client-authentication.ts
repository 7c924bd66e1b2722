/**
 * What of a provider is tried with the secrets before a `update()`. Only the proof of who asks is taken from before: what
 * is asked for is new at once, and a refresh token that is spent one exchange at a time has one history.
 */
import { isPlainObject } from '../core/describe.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { clientCredentialsModule } from './client-credentials.js';
import { googleServiceAccountModule } from './google-service-account.js';
import { jwtBearerModule } from './jwt-bearer.js';
import { refreshTokenModule } from './refresh-token.js';
import { tokenExchangeModule } from './token-exchange.js';

const CLIENT = ['clientId', 'clientSecret', 'clientAssertion', 'clientAuthentication'];
/** Of `tls`: the trusted authorities don't authenticate the client. */
const CERTIFICATE = ['cert', 'key'];

/** The options that authenticate the client, and the OAuth errors that say that they are not accepted. */
interface Proof {
  readonly keys: readonly string[];
  readonly refusals: readonly string[];
}

const byClient: Proof = { keys: CLIENT, refusals: ['invalid_client'] };
/** An unknown assertion is an invalid grant (RFC 7523 §3.1). */
const byAssertion: Proof = {
  keys: [...CLIENT, 'assertion', 'keyFile'],
  refusals: ['invalid_client', 'invalid_grant'],
};

const PROOFS: ReadonlyMap<string, Proof> = new Map([
  [clientCredentialsModule, byClient],
  [refreshTokenModule, byClient],
  [tokenExchangeModule, byClient],
  [jwtBearerModule, byAssertion],
  [googleServiceAccountModule, byAssertion],
]);

export interface ProviderOverlap {
  readonly previous: ProviderSpec;
  readonly refusals: readonly string[];
}

/** What may be tried in place of `next` for a while; undefined if the two are not the same provider. */
export const previousAuthentication = (before: ProviderSpec, next: ProviderSpec): ProviderOverlap | undefined => {
  if (before.module !== next.module || before.export !== next.export) return undefined;
  const proof = PROOFS.get(next.module);
  // Only a custom provider knows which of its options are secrets.
  if (!proof) return { previous: before, refusals: byClient.refusals };
  const options = without(mixed(before.options, next.options, proof.keys), ['tls']);
  const tls = mixed(tlsOf(before.options), tlsOf(next.options), CERTIFICATE);
  const previous = { ...next, options: { ...options, ...(Object.keys(tls).length > 0 && { tls }) } };
  return { previous, refusals: proof.refusals };
};

/** `next`, with those options from before. */
const mixed = (before: unknown, next: unknown, keys: readonly string[]): object => ({
  ...without(next, keys),
  ...only(before, keys),
});

const tlsOf = (options: unknown): unknown => entriesOf(options).find(([key]) => key === 'tls')?.[1];

const entriesOf = (options: unknown): readonly (readonly [string, unknown])[] =>
  isPlainObject(options) ? Object.entries(options) : [];

const only = (options: unknown, keys: readonly string[]): object =>
  Object.fromEntries(entriesOf(options).filter(([key]) => keys.includes(key)));

const without = (options: unknown, keys: readonly string[]): object =>
  Object.fromEntries(entriesOf(options).filter(([key]) => !keys.includes(key)));
