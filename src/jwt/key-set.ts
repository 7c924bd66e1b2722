/**
 * Checks tokens with a set of keys: synchronously and in this thread, by node:crypto through fast-jwt. It is pure but for
 * the signature, and the same in the actor and in the threads that verify many.
 *
 * `exp` and `nbf` are not looked at. A token is revoked after its expiry too, because verifiers accept it for a while
 * longer by their tolerance; and one that is not valid yet will be, and then it had better be known to be revoked.
 *
 * No token is kept: the library's cache of tokens is off.
 */
import { createVerifier, type Algorithm } from 'fast-jwt';
import type { JwtAlgorithm } from './algorithms.js';
import { claimsOf, MAX_TOKEN_LENGTH, type JwtClaims } from './claims.js';
import type { VerificationKey } from './verification-key.js';

/** What a token has to say beside its signature. */
export interface TokenRules {
  readonly algorithms: readonly JwtAlgorithm[];
  readonly issuer?: string | readonly string[];
  readonly audience?: string | readonly string[];
}

/** Why a token was refused. */
export type Refusal =
  | 'malformed'
  | 'algorithm'
  | 'unknown_key'
  | 'ambiguous_key'
  | 'signature'
  | 'critical_header'
  | 'issuer_or_audience'
  | 'claims';

export type Outcome = { readonly claims: JwtClaims } | { readonly refused: Refusal };

type Verify = (token: string) => unknown;

const refused = (why: Refusal): Outcome => ({ refused: why });

/** The library's codes; what is not among them is about the form of the token. Its errors carry the token's payload. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  FAST_JWT_INVALID_SIGNATURE: 'signature',
  FAST_JWT_MISSING_SIGNATURE: 'signature',
  FAST_JWT_VERIFY_ERROR: 'signature',
  FAST_JWT_INVALID_ALGORITHM: 'algorithm',
  FAST_JWT_INVALID_CRIT_HEADER: 'critical_header',
  FAST_JWT_MISSING_REQUIRED_CLAIM: 'issuer_or_audience',
  FAST_JWT_INVALID_CLAIM_TYPE: 'issuer_or_audience',
  FAST_JWT_INVALID_CLAIM_VALUE: 'issuer_or_audience',
};

export class KeySet {
  readonly #keys: readonly VerificationKey[];
  readonly #rules: TokenRules;
  /** One for a key and an algorithm, made when it is first needed. */
  readonly #verifiers = new Map<VerificationKey, Map<JwtAlgorithm, Verify>>();

  constructor(keys: readonly VerificationKey[], rules: TokenRules) {
    this.#keys = keys;
    this.#rules = rules;
  }

  /** Never throws. */
  check(token: unknown): Outcome {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return refused('malformed');
    const header = headerOf(token);
    if (!header) return refused('malformed');
    const algorithm = this.#rules.algorithms.find((one) => one === header.alg);
    if (algorithm === undefined) return refused('algorithm');
    const fitting = this.#fitting(algorithm, header.kid);
    const [key] = fitting;
    if (!key) return refused('unknown_key');
    if (fitting.length > 1) return refused('ambiguous_key');
    try {
      const claims = claimsOf(this.#verifier(key, algorithm)(token));
      return claims ? { claims } : refused('claims');
    } catch (error) {
      return refused(REFUSALS[(error as { code?: string }).code ?? ''] ?? 'malformed');
    }
  }

  /** The keys that this token can have been signed by. A key without a name answers to none but tokens without one. */
  #fitting(algorithm: JwtAlgorithm, kid: string | undefined): readonly VerificationKey[] {
    const able = this.#keys.filter((key) => key.algorithms.includes(algorithm));
    // A secret has no name, and is the only key that there is.
    if (kid === undefined || algorithm.startsWith('HS')) return able;
    return able.filter((key) => key.kid === kid);
  }

  #verifier(key: VerificationKey, algorithm: JwtAlgorithm): Verify {
    const ofKey = this.#verifiers.get(key) ?? new Map<JwtAlgorithm, Verify>();
    this.#verifiers.set(key, ofKey);
    const made = ofKey.get(algorithm) ?? this.#makeVerifier(key, algorithm);
    ofKey.set(algorithm, made);
    return made;
  }

  #makeVerifier({ material }: VerificationKey, algorithm: JwtAlgorithm): Verify {
    const { issuer, audience } = this.#rules;
    // A claim that is absent is not checked by the library, unless it is required.
    const requiredClaims = [...(issuer === undefined ? [] : ['iss']), ...(audience === undefined ? [] : ['aud'])];
    return createVerifier({
      key: material,
      algorithms: [algorithm as Algorithm],
      cache: false,
      ignoreExpiration: true,
      ignoreNotBefore: true,
      requiredClaims,
      ...(issuer !== undefined && { allowedIss: [issuer].flat() }),
      ...(audience !== undefined && { allowedAud: [audience].flat() }),
    }) as Verify;
  }
}

const headerOf = (token: string): { readonly alg: unknown; readonly kid: string | undefined } | undefined => {
  try {
    const end = token.indexOf('.');
    const header: unknown = end < 0 ? undefined : JSON.parse(Buffer.from(token.slice(0, end), 'base64url').toString());
    if (typeof header !== 'object' || header === null || Array.isArray(header)) return undefined;
    const { alg, kid } = header as Readonly<Record<string, unknown>>;
    // RFC 7515 §4.1.4: it is a string.
    return kid === undefined || typeof kid === 'string' ? { alg, kid } : undefined;
  } catch {
    return undefined;
  }
};
