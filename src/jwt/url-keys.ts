/**
 * Keys that a server publishes: fetched when they are first needed, cached, and fetched again.
 *
 * - A set is valid for `cacheMs`. After that it is fetched before the next token is checked; so a key that was removed
 *   from the set is not accepted any more.
 * - If that fails, the set is used for `staleMs` at most without waiting, and fetched again in the background.
 * - A key that is not in the set causes a fetch, one for all waiting tokens, and at most one in `cooldownMs`: tokens
 *   with made-up key names cause no more requests than that.
 */
import type { Clock, Instant } from '../core/clock.js';
import type { TokenvisorError } from '../core/errors.js';
import type { HttpClient } from '../net/http-client.js';
import type { HttpRequest } from '../net/http-types.js';
import { elapsedMs, keysUnavailable, type Keys, type KeySource } from './key-source.js';
import { keysOfSet } from './verification-key.js';

export interface UrlKeysOptions {
  readonly clock: Clock;
  readonly request: HttpClient;
  readonly url: string;
  /** Options of the request: certificates, `allowInsecureHttp`, `timeoutMs`. */
  readonly init: HttpRequest;
  readonly cacheMs: number;
  readonly cooldownMs: number;
  readonly staleMs: number;
}

/** The least delay after a failed fetch, or the cool-down if that is shorter. */
const RETRY_MS = 1_000;

export class UrlKeys implements KeySource {
  readonly #options: UrlKeysOptions;
  readonly #host: string;
  readonly #closing = new AbortController();
  #keys: Keys | undefined;
  #fetchedAt: Instant | undefined;
  #fetching: Promise<Keys> | undefined;
  #beganMonoMs = -Infinity;
  /** The error of the last fetch, if it failed. */
  #failure: TokenvisorError | undefined;

  constructor(options: UrlKeysOptions) {
    this.#options = options;
    this.#host = new URL(options.url).host;
  }

  current(): Keys | undefined {
    const { cacheMs } = this.#options;
    if (this.#ageMs() < cacheMs) return this.#keys;
    if (!this.#failure) return undefined;
    if (this.#retryIsDue()) this.#fetch().catch(() => {}); // In the background: its failure is stored.
    return this.#stale();
  }

  async load(): Promise<Keys> {
    try {
      if (!this.#fetching && this.#failure && !this.#retryIsDue()) throw this.#failure;
      return await this.#fetch();
    } catch (error) {
      const stale = this.#stale();
      if (stale) return stale;
      throw error;
    }
  }

  newer(why: 'unknown_key' | 'signature'): Promise<Keys> | undefined {
    // A forged signature must not cause a fetch: a replaced key gets a new `kid`.
    if (why === 'signature') return undefined;
    if (this.#fetching) return this.#fetching;
    if (this.#failure) {
      if (this.#retryIsDue()) return this.#fetch();
      throw this.#failure;
    }
    return this.#sinceLastMs() < this.#options.cooldownMs ? undefined : this.#fetch();
  }

  close(): void {
    this.#closing.abort();
  }

  #ageMs(): number {
    return this.#fetchedAt ? elapsedMs(this.#options.clock, this.#fetchedAt) : Infinity;
  }

  #stale(): Keys | undefined {
    const { cacheMs, staleMs } = this.#options;
    return this.#ageMs() < cacheMs + staleMs ? this.#keys : undefined;
  }

  #sinceLastMs(): number {
    return this.#options.clock.monoMs() - this.#beganMonoMs;
  }

  #retryIsDue(): boolean {
    return this.#sinceLastMs() >= Math.min(RETRY_MS, this.#options.cooldownMs);
  }

  /** One fetch at a time, shared by all callers. */
  #fetch(): Promise<Keys> {
    this.#fetching ??= this.#ask().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #ask(): Promise<Keys> {
    const { clock, request, url, init } = this.#options;
    this.#beganMonoMs = clock.monoMs();
    // The set is as old as the request for it, not as the answer.
    const askedAt = clock.now();
    try {
      const answer = await request(url, { ...init, headers: { accept: 'application/json' } }, this.#closing.signal);
      if (answer.status !== 200) throw keysUnavailable(`${this.#host} answered with status ${answer.status}, not 200`);
      const keys = keysOfSet(answer.json());
      if (!keys) throw keysUnavailable(`The answer of ${this.#host} is not a JWK set (RFC 7517 §5)`);
      this.#failure = undefined;
      this.#fetchedAt = askedAt;
      return (this.#keys = keys);
    } catch (error) {
      throw (this.#failure = keysUnavailable(
        `The keys of ${this.#host} can't be fetched: ${(error as Error).message}`,
        error,
      ));
    }
  }
}
