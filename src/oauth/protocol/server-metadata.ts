/** What an issuer publishes about itself (RFC 8414, OpenID Connect Discovery 1.0). Pure. */
import { describeKind, isPlainObject } from '../../core/describe.js';
import { ProviderError } from '../../core/errors.js';
import { malformedAnswer } from '../../net/http-failures.js';
import { hostOf } from '../../net/url.js';
import type { Members } from './answer-body.js';
import { COMMON_HEADERS, type ProtocolRequest } from './token-request.js';

export type DiscoveryKind = 'oauth2' | 'oidc';

/** The members that are used here, checked. */
export interface ServerMetadata {
  /** As the server writes it. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** `token_endpoint_auth_methods_supported` (RFC 8414 §2). */
  readonly authMethods: readonly unknown[] | undefined;
  /** `token_endpoint` of `mtls_endpoint_aliases` (RFC 8705 §5), not checked yet: only a client with a certificate uses it. */
  readonly mtlsTokenEndpoint: string | undefined;
}

/** Which endpoints an issuer's metadata may name. */
export interface EndpointRules {
  readonly issuer: string;
  readonly allowInsecureHttp: boolean;
  /** Undefined: any host. */
  readonly hosts: readonly string[] | undefined;
}

/**
 * The request for the metadata. RFC 8414 §3.1 puts the well-known part between the host and the path of the issuer, OpenID Connect
 * Discovery 1.0 §4.1 after the path. Both remove a `/` at the end of the path.
 */
export const metadataRequest = (issuer: string, kind: DiscoveryKind): ProtocolRequest => {
  const url = new URL(issuer);
  const path = url.pathname.replace(/\/$/, '');
  url.pathname =
    kind === 'oauth2' ? `/.well-known/oauth-authorization-server${path}` : `${path}/.well-known/openid-configuration`;
  return { url: url.href, method: 'GET', headers: COMMON_HEADERS };
};

/**
 * Reads the metadata of an issuer (RFC 8414 §2, §3.3; OpenID Connect Discovery 1.0 §4.3): they must be its own, and name a token
 * endpoint that the rules allow. A member that is null counts as missing.
 *
 * @throws a ProviderError with the reason `malformed_answer` or `tls_failed`
 */
export const readMetadata = (members: Members, rules: EndpointRules): ServerMetadata => {
  const issuer = ownIssuer(members['issuer'], rules.issuer);
  const tokenEndpoint = checkedEndpoint(members['token_endpoint'], 'token endpoint', rules);
  const authMethods = members['token_endpoint_auth_methods_supported'] ?? undefined;
  if (authMethods !== undefined && !Array.isArray(authMethods)) {
    throw malformedAnswer(
      `Expected \`token_endpoint_auth_methods_supported\` in the metadata of ${hostIn(rules)} to be a list, got ${describeKind(authMethods)}`,
    );
  }
  const aliases = members['mtls_endpoint_aliases'];
  const alias = isPlainObject(aliases) ? aliases['token_endpoint'] : undefined;
  // Any other value is left out: the token endpoint is asked, as by a client that does not know of aliases.
  return { issuer, tokenEndpoint, authMethods, mtlsTokenEndpoint: typeof alias === 'string' ? alias : undefined };
};

/** RFC 8414 §3.3. URLs that differ only in how they are written, as `https://a.example` and `https://a.example/`, are the same. */
const ownIssuer = (named: unknown, expected: string): string => {
  const { host, href } = new URL(expected);
  if (typeof named !== 'string' || !URL.canParse(named)) {
    const got = typeof named === 'string' ? 'another string' : describeKind(named);
    throw malformedAnswer(`Expected \`issuer\` in the metadata of ${host} to be a URL, got ${got}`, { status: 200 });
  }
  if (new URL(named).href === href) return named;
  throw new ProviderError(`The metadata at ${host} is another issuer's: check \`issuer\`, also its path`, {
    class: 'fatal',
    reason: 'malformed_answer',
  });
};

/**
 * An endpoint that metadata name, as `what`. It is checked before a refresh token is taken out of its store to be sent there.
 *
 * Metadata fetched over https may not name an http endpoint (without `allowInsecureHttp`), not even on this machine: another
 * process could read the secret.
 */
export const checkedEndpoint = (endpoint: unknown, what: string, rules: EndpointRules): string => {
  const host = hostIn(rules);
  if (typeof endpoint !== 'string' || !canBeAsked(endpoint)) {
    throw malformedAnswer(`The metadata of ${host} names no ${what} that can be asked`);
  }
  const target = new URL(endpoint);
  if (new URL(rules.issuer).protocol === 'https:' && target.protocol !== 'https:' && !rules.allowInsecureHttp) {
    throw new ProviderError(
      `Expected the metadata of ${host} to name a ${what} over https, because they were fetched over https, got ${target.protocol}`,
      { class: 'fatal', reason: 'tls_failed' },
    );
  }
  if (rules.hosts !== undefined && !rules.hosts.some((one) => hostOf(one) === target.host)) {
    throw new ProviderError(
      `Expected the metadata of ${host} to name a ${what} at one of \`tokenEndpointHosts\`, got another host`,
      { class: 'fatal', reason: 'malformed_answer' },
    );
  }
  return endpoint;
};

const hostIn = ({ issuer }: EndpointRules): string => new URL(issuer).host;

const canBeAsked = (endpoint: string): boolean => {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, username, password } = new URL(endpoint);
  return /^https?:$/.test(protocol) && username === '' && password === '';
};
