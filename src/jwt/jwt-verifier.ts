/** Verifies tokens in the actor's thread: synchronously if the keys are loaded. */
import type { VerifyResult } from './verify-result.js';
import { systemClock, type Clock } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { AddressBook } from '../net/dns-cache.js';
import { createHttpClient } from '../net/http-client.js';
import { file, readSecret, SecretReference } from '../secrets/references.js';
import { FileKeys } from './file-keys.js';
import type { CheckedJwtVerification } from './jwt-options.js';
import { FixedKeys, keysUnavailable, type Keys, type KeySource } from './key-source.js';
import { KeySet, type Outcome, type Refusal, type TokenRules } from './key-set.js';
import { UrlKeys } from './url-keys.js';
import { keysOfSecret, keysOfSet } from './verification-key.js';
import { verifyMany, type VerifyManyOptions } from './verify-many.js';

export interface JwtVerifierOptions {
  /** @default the machine's */
  readonly clock?: Clock;
  /** @default a new one */
  readonly addresses?: AddressBook;
}

const REASONS: Readonly<Record<Refusal, string>> = {
  malformed: 'it is not a signed JWT in the compact form (RFC 7515 §3.1)',
  algorithm: 'its algorithm is not one of `algorithms`',
  unknown_key: 'no key fits it',
  ambiguous_key: 'several keys fit, and it does not name one (`kid`)',
  signature: 'its signature is invalid',
  critical_header: 'its header requires an unsupported extension (`crit`)',
  issuer_or_audience: 'its issuer or its audience is not allowed',
  claims: 'it has no `jti`, or one of `jti`, `sub`, `exp` and `iat` is not as RFC 7519 requires',
};

const tokenRefused = (why: Refusal): TokenvisorError =>
  new TokenvisorError('TOKEN_REFUSED', `The token is refused: ${REASONS[why]}`);

export class JwtVerifier {
  readonly #rules: TokenRules;
  readonly #source: KeySource;
  readonly #closing = new AbortController();
  #made: { readonly keys: Keys; readonly set: KeySet } | undefined;

  constructor(options: CheckedJwtVerification, { clock = systemClock, addresses }: JwtVerifierOptions = {}) {
    const { algorithms, issuer, audience } = options;
    this.#rules = { algorithms, ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) };
    this.#source = sourceOf(options, clock, addresses ?? new AddressBook({ clock }));
  }

  /** Verifies a token. Never throws and never rejects. Returns a promise only if keys have to be fetched first. */
  verify(token: unknown): VerifyResult | Promise<VerifyResult> {
    try {
      const keys = this.#source.current();
      if (keys) return this.#check(token, keys);
      return this.#source.load().then((loaded) => this.#check(token, loaded), failed);
    } catch (error) {
      return failed(error);
    }
  }

  /**
   * Verifies batches of tokens in dedicated threads, for as long as the generator runs; yields a list of results for
   * each batch, in order.
   */
  verifyMany(
    batches: Iterable<readonly string[]> | AsyncIterable<readonly string[]>,
    options: VerifyManyOptions = {},
  ): AsyncGenerator<readonly VerifyResult[], void, undefined> {
    return verifyMany(
      {
        rules: this.#rules,
        keys: async () => this.#source.current() ?? (await this.#source.load()),
        resultOf,
        verify: (token) => this.verify(token),
        closing: this.#closing.signal,
      },
      batches,
      options,
    );
  }

  /** Ends a fetch and the threads of `verifyMany`. */
  close(): void {
    this.#closing.abort(new TokenvisorError('STOPPED', 'The token verifier has been stopped'));
    this.#source.close();
  }

  #check(token: unknown, keys: Keys): VerifyResult | Promise<VerifyResult> {
    const outcome = this.#set(keys).check(token);
    if ('claims' in outcome || !isOfKeys(outcome.refused)) return resultOf(outcome);
    const newer = this.#source.newer(outcome.refused);
    if (!newer) return resultOf(outcome);
    const again = (found: Keys): VerifyResult => resultOf(this.#set(found).check(token));
    return newer instanceof Promise ? newer.then(again, failed) : again(newer);
  }

  #set(keys: Keys): KeySet {
    if (this.#made?.keys !== keys) this.#made = { keys, set: new KeySet(keys, this.#rules) };
    return this.#made.set;
  }
}

const isOfKeys = (refusal: Refusal): refusal is 'unknown_key' | 'signature' =>
  refusal === 'unknown_key' || refusal === 'signature';

const resultOf = (outcome: Outcome): VerifyResult =>
  'claims' in outcome ? { ok: true, claims: outcome.claims } : { ok: false, error: tokenRefused(outcome.refused) };

const failed = (error: unknown): VerifyResult => ({ ok: false, error: error as TokenvisorError });

const sourceOf = (options: CheckedJwtVerification, clock: Clock, addresses: AddressBook): KeySource => {
  const { jwks, jwksFile, jwksUrl, secret, algorithms, jwksStaleMs: staleMs } = options;
  if (jwks) return new FixedKeys(keysOfSet(jwks) ?? []);
  if (jwksFile !== undefined) {
    const read = (): string => readSecret(file(jwksFile));
    return new FileKeys({ clock, what: `The JWK set in ${jwksFile}`, read, parse: parseSet, staleMs });
  }
  if (jwksUrl !== undefined) {
    const { jwksTimeoutMs: timeoutMs, jwksCacheMs: cacheMs, jwksCooldownMs: cooldownMs } = options;
    const { allowInsecureHttp = false, tls } = options;
    addresses.warm(new URL(jwksUrl).hostname);
    const request = createHttpClient({ clock, addresses });
    const init = { timeoutMs, allowInsecureHttp, ...(tls && { tls }) };
    return new UrlKeys({ clock, request, url: jwksUrl, init, cacheMs, cooldownMs, staleMs });
  }
  const parse = (text: string): Keys | undefined => keysOfSecret(text, algorithms);
  const what = 'The secret of the token signatures';
  const isFile = secret instanceof SecretReference && secret.kind === 'file';
  if (isFile) return new FileKeys({ clock, what, read: () => readSecret(secret), parse, staleMs });
  const keys = parse(readSecret(secret ?? ''));
  if (keys) return new FixedKeys(keys);
  throw keysUnavailable(`${what} is shorter than its hash (RFC 7518 §3.2), or a key that is not secret`);
};

const parseSet = (text: string): Keys | undefined => {
  try {
    return keysOfSet(JSON.parse(text));
  } catch {
    return undefined;
  }
};
