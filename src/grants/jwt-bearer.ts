/** The JWT bearer grant as data. */
import { joinPath, number, object, optional, record, string, type Check, type Checked } from '../config/check.js';
import { describeKind, isPlainObject } from '../core/describe.js';
import type { ClientOptions } from '../oauth/client-options.js';
import { allowsInsecureHttp, checkGrant, grantShape, type TokenRequestOptions } from '../oauth/request-options.js';
import { isPresented } from './presented-token.js';
import type { ProviderSpec } from '../oauth/provider.js';
import type { Json } from '../core/json.js';
import type { SecretReference } from '../secrets/references.js';
import { signingKeyShape, type SigningKey } from '../oauth/signing-key.js';
import type { TokenReference } from '../secrets/token-reference.js';
import { defineGrant } from './define-grant.js';
import { json } from './json-check.js';

/** A key, and the claims of the assertions that it signs (RFC 7523 §3). */
export interface AssertionOptions extends SigningKey {
  /** The `iss` claim. */
  readonly issuer: string;
  /**
   * The `sub` claim: the subject to act for.
   * @default `issuer`
   */
  readonly subject?: string;
  /**
   * The `aud` claim.
   * @default the issuer of the tokens, or without one the token endpoint
   */
  readonly audience?: string;
  /**
   * The lifetime of an assertion: ms, 10,000 to 3,600,000.
   * @default 300_000
   */
  readonly lifetimeMs?: number;
  /** Further claims, except those above, `iat`, `nbf`, `exp` and `jti`. */
  readonly claims?: Readonly<Record<string, Json>>;
}

/**
 * Options of {@link jwtBearer}. Most servers need no client authentication beside the assertion; for those that do, set
 * {@link ClientOptions}, all of them optional here.
 */
export interface JwtBearerOptions extends TokenRequestOptions, Partial<ClientOptions> {
  /**
   * A key that signs a new assertion for each attempt; or a ready assertion: a secret, or another credential's token by
   * `tokenOf()`.
   */
  readonly assertion: AssertionOptions | SecretReference | TokenReference | string;
}

const OWN_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'];

const claims: Check<Readonly<Record<string, Json>>> = (value, path, report) => {
  const checked = record(json)(value, path, report);
  for (const name of OWN_CLAIMS) {
    if (Object.hasOwn(checked, name)) report(joinPath(path, name), 'left to the grant', 'a further claim of that name');
  }
  return checked;
};

const key = object({
  ...signingKeyShape,
  issuer: string(),
  subject: optional(string()),
  audience: optional(string()),
  lifetimeMs: optional(number({ min: 10_000, max: 3_600_000 }), 300_000),
  claims: optional(claims),
});

const assertion: Check<Checked<typeof key> | SecretReference | TokenReference | string> = (value, path, report) => {
  if (isPresented(value)) return value;
  if (isPlainObject(value)) return key(value, path, report);
  report(path, 'an object with a `privateKey`, or a secret or tokenOf() that is an assertion', describeKind(value));
  return '';
};

/** @internal */
export const jwtBearerGrant = defineGrant({
  name: 'jwt-bearer',
  shape: (options) =>
    object({ ...grantShape(allowsInsecureHttp(options)), clientId: optional(string()), assertion }, checkGrant),
  // An assertion that is not known is an invalid grant (RFC 7523 §3.1).
  proof: { options: ['assertion'], refusals: ['invalid_grant'] },
});

/**
 * Tokens by the JWT bearer grant (RFC 7523 §2.1): service accounts, and identities that a platform vouches for.
 *
 * @function
 * @example
 * credential({
 *   provider: jwtBearer({
 *     issuer,
 *     assertion: { privateKey: file('/run/secrets/reports.pem'), keyId: 'reports-1', issuer: 'reports' },
 *     scope: 'read',
 *   }),
 * });
 */
export const jwtBearer: (options: JwtBearerOptions) => ProviderSpec<JwtBearerOptions> = jwtBearerGrant.factory;
