/** A request to a token endpoint. Pure. */
import { withChanges } from '../../core/with-changes.js';
import type { ClientProof } from './client-proof.js';
import type { GrantParameters } from './grant.js';

/** A request, as the HTTP client takes it. */
export interface ProtocolRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sent with every request of the protocol: some servers refuse a request without a name. */
export const COMMON_HEADERS = { accept: 'application/json', 'user-agent': 'tokenvisor' } as const;

export interface TokenRequestParts {
  readonly grant: GrantParameters;
  readonly proof: ClientProof;
  /** RFC 6749 §3.3: sent as one parameter, separated by spaces. */
  readonly scope: string | readonly string[] | undefined;
  /** RFC 8693 §2.1. Some servers want it with other grants too. */
  readonly audience: string | undefined;
  /** RFC 8707 §2: sent as one parameter for each. */
  readonly resource: string | readonly string[] | undefined;
  /** Extra parameters. A parameter of the grant or of the proof replaces one of the same name. */
  readonly extra: Readonly<Record<string, string>>;
}

/** The request (RFC 6749 §3.2, §4.4.2, §6): a form, sent by POST. */
export const tokenRequest = (url: string, parts: TokenRequestParts): ProtocolRequest => ({
  url,
  method: 'POST',
  headers: withChanges(parts.proof.headers, {
    accept: COMMON_HEADERS.accept,
    'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
    'user-agent': COMMON_HEADERS['user-agent'],
  }),
  body: formOf(parts).toString(),
});

const formOf = ({ grant, proof, scope, audience, resource, extra }: TokenRequestParts): URLSearchParams => {
  const form = new URLSearchParams(extra);
  if (scope !== undefined) form.set('scope', [scope].flat().join(' '));
  if (audience !== undefined) form.set('audience', audience);
  for (const one of resource === undefined ? [] : [resource].flat()) form.append('resource', one);
  for (const own of [grant, proof.parameters]) {
    for (const [name, value] of Object.entries(own)) form.set(name, value);
  }
  return form;
};
