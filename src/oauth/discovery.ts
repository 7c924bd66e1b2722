/** What an issuer says about itself: RFC 8414, or OpenID Connect Discovery 1.0. */
import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
  type AuthorizationServer,
} from 'oauth4webapi';
import { hostOf } from '../net/url.js';
import { isPlainObject } from '../core/describe.js';
import { ProviderError } from '../core/errors.js';
import { withChanges } from '../core/with-changes.js';
import { failureOf } from './answer-classes.js';
import { asFetch } from './as-fetch.js';
import { malformedAnswer } from '../net/http-failures.js';
import { inLibrary } from './library-scope.js';
import type { HttpAnswer, HttpRequest } from '../net/http-types.js';

export type Ask = (url: string, init: HttpRequest) => Promise<HttpAnswer>;
export type DiscoveryKind = 'oauth2' | 'oidc';

/** Where an issuer's metadata may send what proves who the client is. */
interface EndpointRules {
  readonly issuer: string;
  readonly allowInsecureHttp: boolean;
  /** Undefined: any host. */
  readonly hosts: readonly string[] | undefined;
}

/**
 * The metadata of the issuer, checked to be its own. Without a `kind` RFC 8414 is asked first, and OpenID Connect's where
 * that is not there.
 */
export const discover = async (
  ask: Ask,
  rules: EndpointRules,
  kind: DiscoveryKind | undefined,
  nowMs: () => number,
): Promise<AuthorizationServer> => {
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
  algorithm: DiscoveryKind,
  nowMs: () => number,
): Promise<AuthorizationServer> => {
  const target = new URL(rules.issuer);
  let answer: HttpAnswer | undefined;
  const fetchMetadata = asFetch(async (url, init) => {
    answer = await ask(url, init);
    const failure = failureOf(answer, target.host, nowMs());
    if (failure !== undefined) throw answer.status === 404 ? noMetadata(target, failure) : failure;
    return answer;
  });
  // The door has its own rule of what may go in clear.
  const response = await inLibrary(() =>
    discoveryRequest(target, { algorithm, [customFetch]: fetchMetadata, [allowInsecureRequests]: true }),
  );
  let server: AuthorizationServer;
  try {
    server = await inLibrary(() => processDiscoveryResponse(target, response));
  } catch {
    if (answer !== undefined && namesAnotherIssuer(answer, target)) {
      throw new ProviderError(`The metadata at ${target.host} is another issuer's: check \`issuer\`, also its path`, {
        class: 'park',
        reason: 'malformed_answer',
      });
    }
    throw malformedAnswer(`The metadata of ${target.host} can't be understood`, { status: 200 });
  }
  checkedEndpoint(server.token_endpoint, 'token endpoint', rules);
  // Only what is read of it: this server is asked for as long as the session lasts.
  const methods: unknown = server.token_endpoint_auth_methods_supported ?? undefined;
  if (methods !== undefined && !Array.isArray(methods)) {
    throw malformedAnswer(`The metadata of ${target.host} has no list of \`token_endpoint_auth_methods_supported\``);
  }
  return withoutOddAliases(server);
};

/**
 * Of the endpoints for mTLS (RFC 8705 §5), the one that is asked, if it is a string. The library takes any other value for an endpoint
 * too, and would throw once an exchange had begun.
 */
const withoutOddAliases = ({ mtls_endpoint_aliases: aliases, ...server }: AuthorizationServer): AuthorizationServer => {
  const endpoint: unknown = isPlainObject(aliases) ? aliases['token_endpoint'] : undefined;
  return typeof endpoint === 'string'
    ? withChanges(server, { mtls_endpoint_aliases: { token_endpoint: endpoint } })
    : server;
};

/** A host that is there, and has none: most often a slip in the issuer's path. */
const noMetadata = (issuer: URL, { class: how, reason, status = 404 }: ProviderError): ProviderError =>
  new ProviderError(
    `${issuer.host} has no metadata of this issuer (status ${status}): check \`issuer\`, also its path, or give \`tokenEndpoint\``,
    { class: how, reason, status },
  );

/**
 * An endpoint that the metadata name, as `what`. Found out here, where no refresh token has been taken out yet to be sent there.
 *
 * Metadata fetched over https may not name an http endpoint (without `allowInsecureHttp`), not even on this machine: another
 * process could read the secret.
 */
export const checkedEndpoint = (
  endpoint: unknown,
  what: string,
  { issuer, allowInsecureHttp, hosts }: EndpointRules,
): string => {
  const { host, protocol } = new URL(issuer);
  if (typeof endpoint !== 'string' || !canBeAsked(endpoint)) {
    throw malformedAnswer(`The metadata of ${host} names no ${what} that can be asked`);
  }
  const target = new URL(endpoint);
  if (protocol === 'https:' && target.protocol !== 'https:' && !allowInsecureHttp) {
    throw new ProviderError(
      `Expected the metadata of ${host} to name a ${what} over https, because they were fetched over https, got ${target.protocol}`,
      { class: 'park', reason: 'tls_failed' },
    );
  }
  if (hosts !== undefined && !hosts.some((one) => hostOf(one) === target.host)) {
    throw new ProviderError(
      `Expected the metadata of ${host} to name a ${what} at one of \`tokenEndpointHosts\`, got another host`,
      { class: 'park', reason: 'malformed_answer' },
    );
  }
  return endpoint;
};

const canBeAsked = (endpoint: string): boolean => {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, username, password } = new URL(endpoint);
  return /^https?:$/.test(protocol) && username === '' && password === '';
};

const namesAnotherIssuer = (answer: HttpAnswer, expected: URL): boolean => {
  const named = (answer.json() as { issuer?: unknown } | null)?.issuer;
  return typeof named === 'string' && URL.canParse(named) && new URL(named).href !== expected.href;
};

/** Servers without RFC 8414 answer anything there: mostly 404, but also a refusal, a redirect or a page. */
const isNotThere = (error: unknown): boolean => {
  if (!(error instanceof ProviderError) || error.status === undefined) return false;
  return error.status < 400 || error.class !== 'transient';
};
