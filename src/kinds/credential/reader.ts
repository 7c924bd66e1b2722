/** Reads a credential in any thread: shared memory only, no message, no lock. This is the hot path. */
import { readSupervision, type Health } from '../../supervision/child-status.js';
import { parsedJson } from '../../memory/json.js';
import { checkWaitOptions } from '../../config/check-timeout.js';
import { describeKind, describeValue, propertyOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { openWords } from '../../memory/child-memory.js';
import { ConditionVariable } from '../../memory/condition.js';
import { Header, SNAPSHOT } from '../../memory/layout.js';
import { lastGeneration, readRecord, refuseRecord } from '../../memory/record.js';
import { raise, notify, wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle } from '../../messaging/transferable.js';
import { failureCause, parked, stopped, timedOut, unavailable } from './reader-errors.js';
import { isUnasked, readRefreshStatus, readStatus, type CredentialStatus } from './status.js';
import { Token, type TokenPayload } from '../../oauth/token.js';

/** Options of `refresh()` and `invalidate()`, and of every wait for a token. */
export interface WaitForTokenOptions {
  /** Ends the wait; it rejects with ABORTED. */
  readonly signal?: AbortSignal;
  /**
   * How long to wait: ms, 0 to 2^31 - 1; then the wait rejects with TIMEOUT and the last failure as its cause.
   * @default 5_000
   */
  readonly timeoutMs?: number;
}

/** Options of `get()`. */
export interface GetOptions extends WaitForTokenOptions {
  /**
   * How long the token must remain usable: ms, 0 or more. More than a token's whole life is CONFIG_INVALID.
   * @default 0
   */
  readonly minTtlMs?: number;
}

const DEFAULT_WAIT_MS = 5_000;

const decoder = new TextDecoder();

/**
 * A credential, read from any thread: the result of `attach()`, and the base of every credential's handle. All of it
 * uses shared memory alone, so it works while the actor is dead or the main thread is blocked.
 */
export class CredentialReader {
  /** The child's name. */
  readonly name: string;
  readonly #words: AtomicWords;
  /** The same words, for access without a call. */
  readonly #view: Int32Array;
  readonly #condition: ConditionVariable;
  readonly #nowMs: () => number;
  #token: Token | undefined;
  /** The control word under which `#token` is valid; 0 means no token. */
  #control = 0;
  #usableUntilMs = 0;

  constructor({ name, memory }: SharedChild) {
    this.name = name;
    this.#words = openWords(memory);
    this.#view = this.#words.view;
    this.#condition = new ConditionVariable(this.#words, Header.CHANGE);
    this.#nowMs = wallClockOf(this.#words);
  }

  /**
   * The token. Synchronous and lock-free: no I/O, no message; while the token stays the same, the cost of reading one
   * shared word and the clock.
   *
   * @throws TOKEN_NOT_READY if there is none yet, TOKEN_EXPIRED if it has reached its expiry less the margin, PARKED if
   *   there is none and the credential does not retry by itself, STOPPED.
   * @example
   * headers.set('authorization', github.current().authorization);
   */
  current(): Token {
    if (Atomics.load(this.#view, Header.SNAPSHOT_CONTROL) === this.#control && this.#nowMs() < this.#usableUntilMs) {
      return this.#token!;
    }
    const token = this.#load();
    if (token) return token;
    throw unavailable(this.status(), this.#words.load(Header.INVALIDATED));
  }

  /** The last token, usable or not, without a look at the clock; undefined if there is none. Never throws. */
  last(): Token | undefined {
    const isCached = this.#control !== 0 && Atomics.load(this.#view, Header.SNAPSHOT_CONTROL) === this.#control;
    if (!isCached) this.#load();
    return this.#token;
  }

  /**
   * The token, waiting for one if necessary. Resolves at once if one is usable for more than `minTtlMs`; else requests
   * a mint, or joins the one in flight. The wait survives restarts of the actor, and holds the process open.
   *
   * @throws TIMEOUT with the last failure as `cause`, ABORTED, PARKED at once if there is none and the credential does
   *   not retry by itself, STOPPED, CONFIG_INVALID for a `minTtlMs` that no token can meet.
   * @example
   * const token = await github.get({ timeoutMs: 1_000, minTtlMs: 30_000 });
   */
  async get(options: GetOptions = {}): Promise<Token> {
    checkWaitOptions(options);
    const { minTtlMs = 0 } = options;
    checkTtl(minTtlMs);
    const ready = this.#lasting(minTtlMs);
    if (ready) return ready;
    let wanted = 0;
    const what = minTtlMs > 0 ? `a token that is usable for more than ${minTtlMs} ms` : 'a usable token';
    return this.#wait(options, what, () => {
      // Read before the token: a token that is published between the two must not cause another request.
      const generation = this.#generation();
      const token = this.#lasting(minTtlMs);
      if (token) return token;
      const latest = this.#load();
      if (latest && wanted > 0 && latest.generation >= wanted && minTtlMs > 0) this.#refuseHopeless(latest, minTtlMs);
      // None was requested yet, or the requested one was published but is not usable: request the next one.
      if (generation >= wanted) wanted = this.#want(generation);
      return undefined;
    });
  }

  /**
   * `get()` for a thread that may block: waits for a usable token by Atomics.wait. On a main thread it blocks the event
   * loop.
   *
   * @param options `timeoutMs`: how long to block at most: ms, 0 to 2^31 - 1; 5,000 by default.
   * @throws TIMEOUT with the last failure as `cause`, PARKED at once if there is none and none will come, STOPPED,
   * CONFIG_INVALID for options that can't be used.
   * @example
   * const token = github.waitSync({ timeoutMs: 500 });
   */
  waitSync(options: Pick<WaitForTokenOptions, 'timeoutMs'> = {}): Token {
    checkWaitOptions(options);
    const { timeoutMs = DEFAULT_WAIT_MS } = options;
    const ready = this.#lasting(0);
    if (ready) return ready;
    let wanted = 0;
    const token = this.#condition.waitSync(() => {
      const generation = this.#generation();
      const usable = this.#lasting(0);
      if (usable) return usable;
      if (generation >= wanted) wanted = this.#want(generation);
      this.#throwIfHopeless();
      return undefined;
    }, timeoutMs);
    if (token) return token;
    throw timedOut(this.status(), 'a usable token', timeoutMs);
  }

  /**
   * Requests a new token even if the current one is valid, and resolves with it. Any number of callers, in any thread,
   * share the mint. At most one request a second is made.
   *
   * @throws TIMEOUT with the last failure as `cause`, ABORTED, STOPPED, PARKED at once, even if there is still a token,
   *   CONFIG_INVALID for invalid options.
   */
  async refresh(options: WaitForTokenOptions = {}): Promise<Token> {
    checkWaitOptions(options);
    const wanted = this.#want(this.#generation());
    return this.#wait(options, 'a new token', () => {
      const token = this.#load();
      if (token && token.generation >= wanted) return token;
      const status = this.status();
      if (status.state === 'parked' && !status.exchanging) throw parked(status);
      return undefined;
    });
  }

  /**
   * Reports that an API has refused this token. If it is the current one, no reader in any thread gets it again, and a
   * new one is minted: ten callers with the same token cost one mint. An older token has no effect. Resolves with a
   * token that was not refused, as soon as there is one. An object with the token's `generation` is enough, in a thread
   * that does not have the token.
   *
   * @throws TIMEOUT with the last failure as `cause`, ABORTED, PARKED at once if there is none and the credential does
   *   not retry by itself, STOPPED, CONFIG_INVALID for an invalid token or invalid options.
   * @example
   * if (response.status === 401) await github.invalidate(token);
   */
  async invalidate(token: Pick<Token, 'generation'>, options: WaitForTokenOptions = {}): Promise<Token> {
    checkWaitOptions(options);
    const generation = propertyOf(token, 'generation');
    if (typeof generation !== 'number') {
      throw new TokenvisorError('CONFIG_INVALID', `Expected the refused Token, got ${describeKind(token)}`, {
        child: this.name,
      });
    }
    const current = this.#load() ?? this.#token;
    if (current?.generation === generation) {
      raise(this.#words, Header.INVALIDATED, generation);
      refuseRecord(this.#words, SNAPSHOT, generation);
      this.#forget();
      notify(this.#words, Header.REQUEST);
    }
    return this.#wait(options, 'a token after the refused one', () => this.#lasting(0));
  }

  /** The credential's status, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): CredentialStatus {
    return readStatus(this.name, this.#words);
  }

  /** Plain data to post to another thread, for `attach()` there. */
  handle(): TransferableHandle<'credential'> {
    return {
      tokenvisor: 1,
      kind: 'credential',
      name: this.name,
      memory: this.#view.buffer as SharedArrayBuffer,
    };
  }

  /** @internal */
  health(): Health {
    const { state, usable } = this.status();
    if (!usable) return isUnasked(this.#words) ? 'ok' : 'down';
    return state === 'fresh' || state === 'refreshing' ? 'ok' : 'degraded';
  }

  /** @internal */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return { words: this.#words, index: Header.CHANGE };
  }

  /** @internal The last failed mint, if none has succeeded since. */
  failure(): Error | undefined {
    return failureCause(this.status()).cause;
  }

  /** @internal The condition of `ready()`. Throws an error that makes waiting hopeless. */
  isReady(): boolean {
    if (this.#load()) return true;
    this.#throwIfHopeless();
    return isUnasked(this.#words);
  }

  #forget(): void {
    this.#token = undefined;
    this.#control = 0;
    this.#usableUntilMs = 0;
  }

  /** The slow path: checks everything that may have changed. Returns the token if it is usable. */
  #load(): Token | undefined {
    const control = this.#words.load(Header.SNAPSHOT_CONTROL);
    if (this.#token === undefined || control !== this.#control) this.#decode();
    else if (this.#isRefused(this.#token)) this.#forget();
    return this.#cached();
  }

  /** Decodes the current record: once per token. */
  #decode(): void {
    const record = readRecord(this.#words, SNAPSHOT);
    // If the record changed during every attempt, it is not trusted, and the next read tries again.
    if (!record.payload || this.#isRefused(record)) return this.#forget();
    const payload = payloadOf(record.payload);
    if (!payload) return this.#forget();
    this.#token = new Token(payload, record);
    this.#control = record.control;
    this.#usableUntilMs = record.usableUntilMs;
  }

  #isRefused({ generation }: Pick<Token, 'generation'>): boolean {
    return generation <= this.#words.load(Header.INVALIDATED);
  }

  #cached(): Token | undefined {
    return this.#nowMs() < this.#usableUntilMs ? this.#token : undefined;
  }

  /** The token, if it is usable for more than `minTtlMs`. */
  #lasting(minTtlMs: number): Token | undefined {
    const token = this.#load();
    return token && this.#usableUntilMs - this.#nowMs() > minTtlMs ? token : undefined;
  }

  #generation(): number {
    return lastGeneration(this.#words, SNAPSHOT);
  }

  /** Requests a token after that of `generation`; returns the generation that satisfies the request. */
  #want(generation: number): number {
    const wanted = generation + 1;
    if (raise(this.#words, Header.WANTED, wanted)) notify(this.#words, Header.REQUEST);
    return wanted;
  }

  async #wait(options: WaitForTokenOptions, what: string, check: () => Token | undefined): Promise<Token> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options;
    return this.#condition.wait(
      () => {
        const token = check();
        if (token === undefined) this.#throwIfHopeless();
        return token;
      },
      { timeoutMs, signal, onTimeout: () => timedOut(this.status(), what, timeoutMs) },
    );
  }

  /** Throws if waiting is hopeless: stopped, or parked without a live token. */
  #throwIfHopeless(): void {
    const supervision = readSupervision(this.#words);
    if (supervision?.phase === 'stopped') throw stopped(this.name);
    const refresh = readRefreshStatus(this.#words);
    const isParked = supervision?.phase === 'parked' || refresh?.state === 'parked';
    if (isParked && !this.#load()) throw parked(this.status());
  }

  #refuseHopeless(latest: Token, minTtlMs: number): void {
    const lifeMs = this.#usableUntilMs - latest.issuedAtMs;
    if (lifeMs > minTtlMs) return;
    throw new TokenvisorError(
      'CONFIG_INVALID',
      `Expected \`minTtlMs\` to be below the usable life of the tokens of '${this.name}' (${lifeMs} ms), got ${minTtlMs}`,
      { child: this.name },
    );
  }
}

/** Undefined for a valid record without a token: the memory was overwritten. */
const payloadOf = (bytes: Uint8Array): TokenPayload | undefined => {
  const payload = parsedJson(decoder.decode(bytes));
  return typeof propertyOf(payload, 'value') === 'string' ? (payload as TokenPayload) : undefined;
};

const checkTtl = (minTtlMs: unknown): void => {
  if (typeof minTtlMs === 'number' && minTtlMs >= 0 && Number.isFinite(minTtlMs)) return;
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `Expected \`minTtlMs\` to be a number >= 0, got ${describeValue(minTtlMs)}`,
  );
};
