/** The options of signature verification, and their check. The starting thread loads no JWT library for it. */
import {
  check,
  joinPath,
  list,
  number,
  object,
  oneOf,
  optional,
  string,
  boolean,
  type Check,
} from '../config/check.js';
import { url } from '../net/url.js';
import { describeKind, isPlainObject } from '../core/describe.js';
import { strings, tls } from '../oauth/request-options.js';
import type { TlsOptions } from '../net/http-types.js';
import { secret } from '../secrets/secret-check.js';
import { carriedValue, SecretReference } from '../secrets/references.js';
import { HMAC_ALGORITHMS, isHmac, KEY_ALGORITHMS, leastSecretBytes, type JwtAlgorithm } from './algorithms.js';
import { keysOfSecret, keysOfSet } from './verification-key.js';

/** A JWK set (RFC 7517 §5). */
export interface JsonWebKeySet {
  /** The keys: public ones only. */
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** Options of token verification. Exactly one of `jwksUrl`, `jwks`, `jwksFile` and `secret` is given. */
export interface JwtVerification {
  /** The URL of the issuer's JWK set: https, or http to this machine (see `allowInsecureHttp`). */
  readonly jwksUrl?: string | URL;
  /** A literal JWK set: public keys only. */
  readonly jwks?: JsonWebKeySet;
  /** The path of a file with a JWK set, at most 64 KiB; read again when its contents change. */
  readonly jwksFile?: string;
  /** The secret of HMAC algorithms: at least as many bytes as the hash (RFC 7518 §3.2). */
  readonly secret?: SecretReference | string;
  /** The accepted algorithms: those of HMAC with `secret` only, the others with keys only. `none` is never accepted. */
  readonly algorithms: readonly JwtAlgorithm[];
  /**
   * The issuer that the token must have (`iss`): one name, or several names of one issuer; see `sharedNames`.
   * @default not checked
   */
  readonly issuer?: string | readonly string[];
  /**
   * Confirms that several names in `issuer` belong to one issuer (an old URL and a new one), which never assigns a
   * `jti` or a `sub` twice. A ledger identifies tokens and subjects by these alone, so of two issuers each could revoke
   * the other's tokens: use a ledger for each.
   * @default false: several are refused
   */
  readonly sharedNames?: boolean;
  /**
   * The accepted audiences (`aud`): the token must have one of them.
   * @default not checked
   */
  readonly audience?: string | readonly string[];
  /**
   * With `jwksUrl`: how long a fetched set is used without fetching it again: ms, 1,000 to 86,400,000. A key that was
   * removed from the set is accepted for that long.
   * @default 600_000
   */
  readonly jwksCacheMs?: number;
  /**
   * With `jwksUrl`: the least interval between fetches because of a key that is not in the set: ms, 0 to 3,600,000.
   * @default 30_000
   */
  readonly jwksCooldownMs?: number;
  /**
   * With `jwksUrl`: the bound of one whole fetch: ms, 100 to 30,000.
   * @default 5_000
   */
  readonly jwksTimeoutMs?: number;
  /**
   * How long old keys are used if they can't be renewed: after `jwksCacheMs` while the server is unreachable, and while
   * a file can't be read. ms, 0 to 604,800,000.
   * @default 86_400_000
   */
  readonly jwksStaleMs?: number;
  /**
   * With `jwksUrl`: certificates, if the machine's are not sufficient.
   * @default those of the machine
   */
  readonly tls?: TlsOptions;
  /**
   * With `jwksUrl`: allows http to another machine.
   * @default false
   */
  readonly allowInsecureHttp?: boolean;
}

/** {@link JwtVerification}, checked, with its defaults. */
export type CheckedJwtVerification = Omit<JwtVerification, 'jwksUrl' | OfUrl> & {
  readonly jwksUrl?: string;
} & Required<Pick<JwtVerification, OfUrl>>;

type OfUrl = 'jwksCacheMs' | 'jwksCooldownMs' | 'jwksTimeoutMs' | 'jwksStaleMs';

const SOURCES = ['jwksUrl', 'jwks', 'jwksFile', 'secret'] as const;

/** Members of private keys, and of symmetric ones: RFC 7518 §6. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

const jwks: Check<JsonWebKeySet> = (value, path, report) => {
  const keys: unknown = isPlainObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0) {
    report(path, 'a JWK set: an object whose `keys` is a list of one or more', describeKind(value));
    return { keys: [] };
  }
  keys.forEach((key: unknown, index) => {
    const at = joinPath(joinPath(path, 'keys'), index);
    if (!isPlainObject(key)) report(at, 'a JWK: an object', describeKind(key));
    else if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member))) report(at, 'a public key', 'a private one');
  });
  return value as JsonWebKeySet;
};

const shape = (allowInsecureHttp: boolean) => ({
  jwksUrl: optional(url({ allowInsecureHttp })),
  jwks: optional(jwks),
  jwksFile: optional(string()),
  secret: optional(secret()),
  algorithms: list(oneOf(...KEY_ALGORITHMS, ...HMAC_ALGORITHMS), { min: 1 }),
  issuer: optional(strings),
  sharedNames: optional(boolean()),
  audience: optional(strings),
  jwksCacheMs: optional(number({ min: 1_000, max: 86_400_000 }), 600_000),
  jwksCooldownMs: optional(number({ min: 0, max: 3_600_000 }), 30_000),
  jwksTimeoutMs: optional(number({ min: 100, max: 30_000 }), 5_000),
  jwksStaleMs: optional(number({ min: 0, max: 604_800_000 }), 86_400_000),
  tls: optional(tls),
  allowInsecureHttp: optional(boolean()),
});

const ONLY_WITH_URL = ['jwksCacheMs', 'jwksCooldownMs', 'jwksTimeoutMs', 'tls', 'allowInsecureHttp'];

/** The check for {@link JwtVerification}. */
export const jwtVerification =
  (): Check<CheckedJwtVerification> =>
  (value, path, report): CheckedJwtVerification => {
    const allowInsecureHttp = isPlainObject(value) && value['allowInsecureHttp'] === true;
    const whole = object(shape(allowInsecureHttp), (given, at, tell) => {
      const sources = SOURCES.filter((key) => given[key] !== undefined);
      if (sources.length !== 1) {
        const came = sources.length === 0 ? 'none of them' : sources.map((key) => `\`${key}\``).join(' and ');
        tell(at, `an object with one of ${SOURCES.map((key) => `\`${key}\``).join(', ')}`, came);
      }
      const { issuer, sharedNames } = given;
      if (Array.isArray(issuer) && new Set(issuer).size > 1 && sharedNames !== true) {
        const expected = 'one issuer, because a ledger stores `jti` and `sub` without it; use a ledger for each';
        tell(joinPath(at, 'issuer'), `${expected} (names of one issuer: \`sharedNames: true\`)`, `${issuer.length}`);
      }
      if (given['jwksUrl'] === undefined) {
        for (const key of ONLY_WITH_URL.filter((one) => given[one] !== undefined)) {
          tell(joinPath(at, key), 'absent without `jwksUrl`', 'given');
        }
      }
      const algorithms = Array.isArray(given['algorithms']) ? (given['algorithms'] as readonly unknown[]) : [];
      algorithms.forEach((algorithm, index) => {
        const place = joinPath(joinPath(at, 'algorithms'), index);
        if (isHmac(algorithm) && given['secret'] === undefined) {
          tell(place, 'an asymmetric algorithm: HMAC is for `secret` alone', `'${algorithm}'`);
        } else if (given['secret'] !== undefined && KEY_ALGORITHMS.includes(algorithm as never)) {
          tell(place, 'an HMAC algorithm: the others are for keys, not for `secret`', `'${String(algorithm)}'`);
        }
      });
    });
    const { value: checked, problems } = check(whole, value, path);
    for (const problem of problems) report(problem.path, problem.expected, problem.came);
    if (problems.length === 0) checkMaterial(checked, path, report);
    return checked;
  };

/**
 * Checks that the given keys fit at least one of these algorithms. Secrets that only the actor reads are checked there.
 */
const checkMaterial = (
  { jwks: set, secret: given, algorithms }: Pick<CheckedJwtVerification, 'jwks' | 'secret' | 'algorithms'>,
  path: string,
  report: Parameters<Check<unknown>>[2],
): void => {
  if (set && !keysOfSet(set)?.some((key) => key.algorithms.some((algorithm) => algorithms.includes(algorithm)))) {
    report(joinPath(path, 'jwks'), `a set with a key for ${algorithms.join(' or ')}`, 'one without');
  }
  const known = given instanceof SecretReference ? carriedValue(given) : given;
  if (known !== undefined && !keysOfSecret(known, algorithms)) {
    const expected = `a secret of ${leastSecretBytes(algorithms)} bytes or more (RFC 7518 §3.2), and not an asymmetric key or a certificate (PEM, DER, JWK, SSH)`;
    report(joinPath(path, 'secret'), expected, 'another one');
  }
};
