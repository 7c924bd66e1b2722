/** The options that every grant takes, and their checks: pure, and light enough for the starting thread. */
import {
  anyOf,
  boolean,
  custom,
  joinPath,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  type Check,
  type Report,
} from '../config/check.js';
import { host, url } from '../net/url.js';
import { describeKind } from '../core/describe.js';
import { checkClient, clientShape, type ClientOptions } from './client-options.js';
import type { TlsOptions } from '../net/http-types.js';
import { authorities, secret } from '../secrets/secret-check.js';
import { SecretReference } from '../secrets/references.js';

/** Where to ask for a token, and for what: one of `issuer` and `tokenEndpoint` is required. */
export interface TokenRequestOptions {
  /** The issuer, whose metadata (RFC 8414, or OpenID Connect Discovery) names the token endpoint. This or the next. */
  readonly issuer?: string | URL;
  /** The token endpoint itself. */
  readonly tokenEndpoint?: string | URL;
  /**
   * Which metadata to ask the issuer for.
   * @default `oauth2` (RFC 8414), and `oidc` where there is none
   */
  readonly discovery?: 'oauth2' | 'oidc';
  /**
   * The hosts that the issuer's metadata may name a token endpoint at, `mtls_endpoint_aliases` included: `login.example.com`, or
   * with a port that is not 443. Metadata that name another host park the credential, and nothing is sent there.
   * @default any host
   */
  readonly tokenEndpointHosts?: readonly string[];
  /** The scopes to ask for (RFC 6749 §3.3): space-separated, or a list. */
  readonly scope?: string | readonly string[];
  /** The parameter of that name, which some servers want. */
  readonly audience?: string;
  /** One or more resource indicators (RFC 8707). */
  readonly resource?: string | readonly string[];
  /** Extra form parameters, secret references among them. Those that the grant itself sets can't be given. */
  readonly parameters?: Readonly<Record<string, string | SecretReference>>;
  /**
   * Certificates, where the machine's will not do. With `cert` and `key` the client shows its own, and uses the issuer's
   * `mtls_endpoint_aliases` (RFC 8705 §5).
   */
  readonly tls?: TlsOptions;
  /**
   * Lets requests leave the machine over http.
   * @default false
   */
  readonly allowInsecureHttp?: boolean;
  /**
   * For one attempt in all, discovery included: ms, 100 to 30,000.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** The options that every grant takes. */
export interface GrantOptions extends TokenRequestOptions, ClientOptions {}

/** {@link GrantOptions} after the check; some grants need no client. */
export interface CheckedGrantOptions
  extends Omit<TokenRequestOptions, 'issuer' | 'tokenEndpoint'>, Partial<ClientOptions> {
  readonly issuer?: string;
  readonly tokenEndpoint?: string;
  readonly timeoutMs: number;
}

/** Form parameters that the grants set: an extra parameter of the same name would change the request. */
const OWN_PARAMETERS = [
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'refresh_token',
  'scope',
  'audience',
  'resource',
  'assertion',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
] as const;

const parameters = (): Check<Readonly<Record<string, string | SecretReference>>> => {
  const plain = record(
    custom(
      'a string or a secret reference',
      (value): value is string | SecretReference => typeof value === 'string' || value instanceof SecretReference,
      describeKind,
    ),
  );
  return (value, path, report) => {
    const checked = plain(value, path, report);
    for (const name of OWN_PARAMETERS) {
      if (Object.hasOwn(checked, name))
        report(joinPath(path, name), 'left to the grant', 'an extra parameter of that name');
    }
    return checked;
  };
};

/** A string, or several. */
export const strings = anyOf<string | readonly string[]>(
  'a string or a list of strings',
  string(),
  list(string(), { min: 1 }),
);

/** {@link TlsOptions}. */
export const tls = object(
  {
    ca: optional(authorities),
    cert: optional(secret()),
    key: optional(secret()),
  },
  (value, path, report) => {
    if ((value['cert'] === undefined) !== (value['key'] === undefined)) {
      report(path, 'an object with `cert` and `key` together', 'one of them');
    }
  },
);

/** The checks of the request options, as a part of a shape. `allowInsecureHttp` decides which URLs are accepted. */
export const tokenRequestShape = (allowInsecureHttp: boolean) => ({
  issuer: optional(url({ allowInsecureHttp })),
  tokenEndpoint: optional(url({ allowInsecureHttp })),
  discovery: optional(oneOf('oauth2', 'oidc')),
  tokenEndpointHosts: optional(list(host(), { min: 1 })),
  scope: optional(strings),
  audience: optional(string()),
  resource: optional(strings),
  parameters: optional(parameters()),
  tls: optional(tls),
  allowInsecureHttp: optional(boolean()),
  timeoutMs: optional(number({ min: 100, max: 30_000 }), 10_000),
});

/** The checks that every grant has, as a part of a shape. */
export const grantShape = (allowInsecureHttp: boolean) => ({ ...tokenRequestShape(allowInsecureHttp), ...clientShape });

type Given = Readonly<Record<string, unknown>>;

/** Checks that concern several of the endpoint options. */
export const checkEndpoints = (value: Given, path: string, report: Report): void => {
  const given = ['issuer', 'tokenEndpoint'].filter((key) => value[key] !== undefined);
  if (given.length !== 1) {
    report(path, 'an object with either `issuer` or `tokenEndpoint`', given.length === 0 ? 'neither' : 'both');
  }
  for (const key of ['discovery', 'tokenEndpointHosts']) {
    if (value[key] === undefined || value['tokenEndpoint'] === undefined) continue;
    report(joinPath(path, key), 'absent beside `tokenEndpoint`', 'both');
  }
};

/** Checks that concern several options of a grant. */
export const checkGrant = (value: Given, path: string, report: Report): void => {
  checkEndpoints(value, path, report);
  checkClient(value, path, report);
};

/** The raw value of `allowInsecureHttp`, which decides how the URLs beside it are checked. */
export const allowsInsecureHttp = (options: unknown): boolean =>
  (options as { allowInsecureHttp?: unknown } | null | undefined)?.allowInsecureHttp === true;
