/** The options that every grant takes, and their checks: pure, and light enough for the starting thread. */
import {
  anyOf,
  boolean,
  custom,
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
import { url } from '../config/check-url.js';
import { describeKind } from '../config/describe.js';
import type { TlsOptions } from './provider.js';
import { SecretReference } from './secrets.js';

/** How the client proves who it is (RFC 6749 §2.3.1). */
export type ClientAuthentication = 'client_secret_basic' | 'client_secret_post';

export interface GrantOptions {
  /** The issuer, whose metadata (RFC 8414, or OpenID Connect Discovery) names the token endpoint. This or the next. */
  readonly issuer?: string | URL;
  /** The token endpoint itself. */
  readonly tokenEndpoint?: string | URL;
  /** Which metadata to ask the issuer for. Default: RFC 8414, and OpenID Connect's where that answers 404. */
  readonly discovery?: 'oauth2' | 'oidc';
  readonly clientId: string;
  /** Default: what the metadata names, `client_secret_basic` first. */
  readonly clientAuthentication?: ClientAuthentication;
  /** Space-separated, or a list. */
  readonly scope?: string | readonly string[];
  readonly audience?: string;
  /** One or more resource indicators (RFC 8707). */
  readonly resource?: string | readonly string[];
  /** Extra form parameters, secret references among them. Those that the grant itself sets can't be given. */
  readonly parameters?: Readonly<Record<string, string | SecretReference>>;
  readonly tls?: TlsOptions;
  /** Lets requests leave the machine over http. Default false. */
  readonly allowInsecureHttp?: boolean;
  /** For one attempt in all, discovery included: ms, 100 to 30,000, default 10,000. */
  readonly timeoutMs?: number;
}

/** {@link GrantOptions} after the check. */
export interface CheckedGrantOptions extends Omit<GrantOptions, 'issuer' | 'tokenEndpoint'> {
  readonly issuer?: string;
  readonly tokenEndpoint?: string;
  readonly timeoutMs: number;
}

/** A secret: a reference, or a string that is not empty. Never quoted. */
export const secret = (): Check<SecretReference | string> =>
  custom(
    'a secret: env(), file() or a non-empty string',
    (value): value is SecretReference | string =>
      value instanceof SecretReference || (typeof value === 'string' && value !== ''),
    describeKind,
  );

/** Form parameters that belong to the grant: an extra one of these names would change what is asked. */
const OWN_PARAMETERS = [
  'grant_type',
  'client_id',
  'client_secret',
  'refresh_token',
  'scope',
  'audience',
  'resource',
  'client_assertion',
  'client_assertion_type',
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
        report(`${path}.${name}`, 'left to the grant', 'an extra parameter of that name');
    }
    return checked;
  };
};

const strings = anyOf<string | readonly string[]>(
  'a string or a list of strings',
  string(),
  list(string(), { min: 1 }),
);
const tls = object(
  {
    ca: optional(
      anyOf<SecretReference | string | readonly (SecretReference | string)[]>(
        'a PEM text, a secret reference or a list of them',
        secret(),
        list(secret(), { min: 1 }),
      ),
    ),
    cert: optional(secret()),
    key: optional(secret()),
  },
  (value, path, report) => {
    if ((value['cert'] === undefined) !== (value['key'] === undefined)) {
      report(path, 'an object with `cert` and `key` together', `one of them`);
    }
  },
);

/** The part of a shape that every grant has, for options that say `allowInsecureHttp` or don't. */
export const grantShape = (allowInsecureHttp: boolean) => ({
  issuer: optional(url({ allowInsecureHttp })),
  tokenEndpoint: optional(url({ allowInsecureHttp })),
  discovery: optional(oneOf('oauth2', 'oidc')),
  clientId: string(),
  clientAuthentication: optional(oneOf('client_secret_basic', 'client_secret_post')),
  scope: optional(strings),
  audience: optional(string()),
  resource: optional(strings),
  parameters: optional(parameters()),
  tls: optional(tls),
  allowInsecureHttp: optional(boolean()),
  timeoutMs: optional(number({ min: 100, max: 30_000 }), 10_000),
});

/** What concerns several of them. */
export const checkEndpoints = (value: Readonly<Record<string, unknown>>, path: string, report: Report): void => {
  const given = ['issuer', 'tokenEndpoint'].filter((key) => value[key] !== undefined);
  if (given.length !== 1) {
    report(path, 'an object with either `issuer` or `tokenEndpoint`', given.length === 0 ? 'neither' : 'both');
  }
  if (value['discovery'] !== undefined && value['tokenEndpoint'] !== undefined) {
    report(`${path === '' ? '' : `${path}.`}discovery`, 'absent beside `tokenEndpoint`', 'both');
  }
};

/** The raw value of `allowInsecureHttp`, which decides how the URLs beside it are checked. */
export const allowsInsecureHttp = (options: unknown): boolean =>
  (options as { allowInsecureHttp?: unknown } | null | undefined)?.allowInsecureHttp === true;
