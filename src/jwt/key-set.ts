/**
 * Checks tokens with a set of keys: synchronously, in the calling thread, by node:crypto through fast-jwt. The same
 * code runs in the actor and in the threads that verify batches.
 *
 * `exp` and `nbf` are not checked. A token may need to be revoked after its expiry, because verifiers accept it a while
 * longer by their tolerance, and before `nbf`, so that the revocation is known in time.
 *
 * No token is kept: the library's token cache is off.
 */
import { createVerifier, type Algorithm } from 'fast-jwt';
import type { JwtAlgorithm } from './algorithms.js';
import { claimsOf, MAX_TOKEN_LENGTH, type JwtClaims } from './claims.js';
import type { VerificationKey } from './verification-key.js';

/** The requirements for a token beside its signature. */
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

/** The library's error codes; all others concern the form of the token. Its errors contain the token's payload. */
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
  /** A verifier for each key and algorithm, made at first use. */
  readonly #verifiers = new Map<VerificationKey, Map<JwtAlgorithm, Verify>>();

  constructor(keys: readonly VerificationKey[], rules: TokenRules) {
    this.#keys = keys;
    this.#rules = rules;
  }

  /** Checks a token. Never throws. */
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

  /** The verifiers of the keys that may have signed this token. A key without a `kid` fits only tokens without one. */
  #fitting(algorithm: JwtAlgorithm, kid: string | undefined): readonly VerificationKey[] {
    const able = this.#keys.filter((key) => key.algorithms.includes(algorithm));
    // A secret has no `kid`, and is the only key.
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
    // The library does not check an absent claim unless it is required.
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
