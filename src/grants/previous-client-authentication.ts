/**
 * What of a provider is tried with the secrets before an `update()`. Only the proof of who asks is taken from before: what
 * is asked for is new at once, and a refresh token that is spent one exchange at a time has one history.
 */
import { isPlainObject } from '../core/describe.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { builtInGrant } from './built-in-grants.js';

const CLIENT = ['clientId', 'clientSecret', 'clientAssertion', 'clientAuthentication'];
/** Of `tls`: the trusted authorities don't authenticate the client. */
const CERTIFICATE = ['cert', 'key'];

/** The OAuth error of a server that does not know the proof of the client. */
const CLIENT_REFUSED = 'invalid_client';

export interface ProviderOverlap {
  readonly previous: ProviderSpec;
  readonly refusals: readonly string[];
}

/** What may be tried in place of `next` for a while; undefined if the two are not the same provider. */
export const previousAuthentication = (before: ProviderSpec, next: ProviderSpec): ProviderOverlap | undefined => {
  if (before.module !== next.module || before.export !== next.export) return undefined;
  const grant = builtInGrant(next.module);
  // A module of the user's knows by itself which of its options are secrets.
  if (!grant) return { previous: before, refusals: [CLIENT_REFUSED] };
  const { proof } = grant;
  const options = without(mixed(before.options, next.options, [...CLIENT, ...proof.options]), ['tls']);
  const tls = mixed(tlsOf(before.options), tlsOf(next.options), CERTIFICATE);
  const previous = { ...next, options: { ...options, ...(Object.keys(tls).length > 0 && { tls }) } };
  return { previous, refusals: [CLIENT_REFUSED, ...proof.refusals] };
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
