/** Asks an issuer for its metadata: RFC 8414, or OpenID Connect Discovery 1.0. */
import { ProviderError } from '../core/errors.js';
import type { HttpAnswer } from '../net/http-types.js';
import { membersOf, parseBody } from './protocol/answer-body.js';
import { failureOf } from './protocol/refusal.js';
import {
  metadataRequest,
  readMetadata,
  type DiscoveryKind,
  type EndpointRules,
  type ServerMetadata,
} from './protocol/server-metadata.js';
import type { ProtocolRequest } from './protocol/token-request.js';

export type Ask = (request: ProtocolRequest) => Promise<HttpAnswer>;

/** The metadata of the issuer. Without a `kind` RFC 8414 is asked first, and OpenID Connect's where the server does not have them. */
export const discover = async (
  ask: Ask,
  rules: EndpointRules,
  kind: DiscoveryKind | undefined,
  nowMs: () => number,
): Promise<ServerMetadata> => {
  if (kind !== undefined) return discoverBy(ask, rules, kind, nowMs);
  try {
    return await discoverBy(ask, rules, 'oauth2', nowMs);
  } catch (error) {
    if (isNotThere(error)) return discoverBy(ask, rules, 'oidc', nowMs);
    throw error;
  }
};

const discoverBy = async (
  ask: Ask,
  rules: EndpointRules,
  kind: DiscoveryKind,
  nowMs: () => number,
): Promise<ServerMetadata> => {
  const { host } = new URL(rules.issuer);
  const answer = await ask(metadataRequest(rules.issuer, kind));
  const body = parseBody(answer.body);
  const failure = failureOf(answer, body, host, nowMs());
  if (failure !== undefined) throw answer.status === 404 ? noMetadata(host, failure) : failure;
  return readMetadata(membersOf(body, answer, host), rules);
};

/** A host that answers, and has no metadata: most often a slip in the issuer's path. */
const noMetadata = (host: string, { class: how, reason, status = 404 }: ProviderError): ProviderError =>
  new ProviderError(
    `${host} has no metadata of this issuer (status ${status}): check \`issuer\`, also its path, or give \`tokenEndpoint\``,
    { class: how, reason, status },
  );

/** Servers without RFC 8414 answer anything there: mostly 404, but also a refusal, a redirect or a page. */
const isNotThere = (error: unknown): boolean => {
  if (!(error instanceof ProviderError) || error.status === undefined) return false;
  return error.status < 400 || error.class !== 'transient';
};
