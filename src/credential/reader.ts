/**
 * A credential as any thread reads it: shared memory only, no message, no lock. This is the hot path of the product.
 */
import { readJson, readSupervision, type Health } from '../actor/actor-reader.js';
import { systemClock } from '../clock.js';
import { mintError, TokenvisorError, type MintFailure } from '../errors.js';
import { openWords } from '../memory/child-memory.js';
import { Doorbell } from '../memory/doorbell.js';
import { Header, SNAPSHOT, STATUS } from '../memory/layout.js';
import { lastGeneration, readRecord, type ReadRecord } from '../memory/record.js';
import { raise, ring, type AtomicWords } from '../memory/words.js';
import { checkTimeout, type TransferableHandle } from '../supervision/actor-door.js';
import type { ChildPhase, ExitReason } from '../supervision/types.js';
import type { RefreshStatus } from './refresh-types.js';
import { Token, type TokenPayload } from './token.js';

/** Options of the waits. */
export interface WaitForTokenOptions {
  /** Ends the wait; it rejects with ABORTED. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds, 0 to 2^31 - 1; then the wait rejects with TIMEOUT and the last failure as its cause.
   * @default 5_000
   */
  readonly timeoutMs?: number;
}

export interface GetOptions extends WaitForTokenOptions {
  /**
   * How long the token must still be usable: ms. A wait for more than a token's whole life rejects.
   * @default 0
   */
  readonly minTtlMs?: number;
}

/** The states of a credential. */
export type CredentialState =
  /** No token yet, none has failed. */
  | 'starting'
  /** A good token. */
  | 'fresh'
  /** A good token, and a mint is under way. */
  | 'refreshing'
  /** A good token, and the last mint failed. */
  | 'degraded'
  /** No good token: the last one expired, or none could be had. */
  | 'expired'
  /** Tries no more by itself, or slowly; `parked` says why. It may still have a good token. */
  | 'parked'
  /** Between two incarnations. */
  | 'restarting'
  /** A thread that was killed does not exit, and no successor may start beside it. */
  | 'zombie'
  | 'stopped';

/** What `status()` shows. No secret, no token. Instants in ms since the Unix epoch. */
export interface CredentialStatus {
  readonly name: string;
  readonly state: CredentialState;
  /** True if `current()` would hand out a token now. */
  readonly usable: boolean;
  /** Of the token that is served, or 0. */
  readonly generation: number;
  readonly issuedAtMs?: number;
  readonly expiresAtMs?: number;
  /** When the next token is due. */
  readonly refreshAtMs?: number;
  /** When the next attempt is made, while attempts fail. */
  readonly nextAttemptAtMs?: number;
  readonly incarnation: number;
  readonly restarts: number;
  /** Requests begun, tokens minted, and tokens that replaced one. */
  readonly attempts: number;
  readonly mints: number;
  readonly refreshes: number;
  /** Failures in a row. */
  readonly failures: number;
  readonly lastFailure?: MintFailure & { readonly atMs: number };
  readonly parked?: {
    readonly why: 'fatal_answer' | 'ambiguous_exchange' | 'restart_intensity';
    /** When it is tried again by itself; undefined for never. */
    readonly probeAtMs?: number;
  };
  readonly lastExit?: { readonly reason: ExitReason; readonly atMs: number };
  /** True while an exchange with the token endpoint is under way. */
  readonly exchanging: boolean;
}

export const DEFAULT_WAIT_MS = 5_000;

const decoder = new TextDecoder();

/** A credential, read from any thread. */
export class CredentialReader {
  readonly name: string;
  readonly #words: AtomicWords;
  /** The words again, without a call between them and the reader. */
  readonly #view: Int32Array;
  readonly #doorbell: Doorbell;
  #token: Token | undefined;
  /** The control word under which `#token` counts; 0 is that of no token. */
  #control = 0;
  #usableUntilMs = 0;

  constructor(name: string, memory: SharedArrayBuffer) {
    this.name = name;
    this.#words = openWords(memory);
    this.#view = this.#words.view;
    this.#doorbell = new Doorbell(this.#words, Header.CHANGE);
  }

  /**
   * The token. Synchronous and lock-free: no I/O, no message; while the token stays the same, the cost of reading one
   * shared word and the clock.
   *
   * @throws TOKEN_NOT_READY if there is none yet, TOKEN_EXPIRED if it is at or past its expiry less the margin,
   * PARKED if there is none and none will come by itself, STOPPED.
   * @example
   * headers.set('authorization', github.current().authorization);
   */
  current(): Token {
    if (Atomics.load(this.#view, Header.SNAPSHOT_CONTROL) === this.#control && Date.now() < this.#usableUntilMs) {
      return this.#token!;
    }
    const token = this.#load();
    if (token) return token;
    throw this.#unavailable();
  }

  /** The last token, usable or not, without a look at the clock; undefined if there is none. Never throws. */
  peek(): Token | undefined {
    if (Atomics.load(this.#view, Header.SNAPSHOT_CONTROL) !== this.#control || this.#control === 0) this.#load();
    return this.#token;
  }

  /**
   * The token, waiting for one if need be. Resolves at once if one is usable for more than `minTtlMs`; else asks for a
   * mint, or joins the one in flight. The wait survives restarts of the actor, and holds the process open.
   *
   * @throws TIMEOUT with the last failure as `cause`, ABORTED, PARKED at once if there is none and none will come,
   * STOPPED, CONFIG_INVALID for a `minTtlMs` that no token can meet.
   */
  async get(options: GetOptions = {}): Promise<Token> {
    const { minTtlMs = 0 } = options;
    checkTtl(minTtlMs);
    const ready = this.#lasting(minTtlMs);
    if (ready) return ready;
    let wanted = this.#want();
    return this.#wait(options, `a token that is usable for more than ${minTtlMs} ms`, () => {
      const token = this.#lasting(minTtlMs);
      if (token) return token;
      const latest = this.#load();
      if (latest && latest.generation >= wanted && minTtlMs > 0) this.#refuseHopeless(latest, minTtlMs);
      // The token that was asked for has come and gone, or is not good enough yet: ask for the one after it.
      if (this.#generation() >= wanted) wanted = this.#want();
      return undefined;
    });
  }

  /**
   * {@link get} for a thread that may block: waits for a usable token with Atomics.wait.
   *
   * @param timeoutMs how long to block at most: 0 to 2^31 - 1; 5,000 by default.
   */
  waitSync(timeoutMs: number = DEFAULT_WAIT_MS): Token {
    checkTimeout(timeoutMs);
    const ready = this.#lasting(0);
    if (ready) return ready;
    let wanted = this.#want();
    const token = this.#doorbell.waitSync(() => {
      const usable = this.#lasting(0);
      if (usable) return usable;
      this.#throwIfHopeless();
      if (this.#generation() >= wanted) wanted = this.#want();
      return undefined;
    }, timeoutMs);
    if (token) return token;
    throw this.#timedOut('a usable token', timeoutMs);
  }

  /**
   * Asks for a new token, although the one that is there may be good, and resolves with it. Any number of callers, in
   * any thread, share the mint. Never more than one request a second is made.
   *
   * @throws TIMEOUT with the last failure as `cause`, ABORTED, STOPPED, PARKED at once, also if there is a token still.
   */
  async refresh(options: WaitForTokenOptions = {}): Promise<Token> {
    const wanted = this.#want();
    return this.#wait(options, 'a new token', () => {
      const token = this.#load();
      if (token && token.generation >= wanted) return token;
      const status = this.status();
      if (status.state === 'parked' && !status.exchanging) throw this.#parked(status);
      return undefined;
    });
  }

  /**
   * Says that an API has refused this token. If it is the current one, no reader is given it again, and a new one is
   * minted: ten callers with the same token cost one mint. If it is an older one, nothing happens.
   * Resolves when a token that was not refused is there, with it. Its `generation` alone will do, in a thread that the
   * token itself can't get to.
   *
   * @example
   * if (response.status === 401) await github.invalidate(token);
   */
  async invalidate(token: Pick<Token, 'generation'>, options: WaitForTokenOptions = {}): Promise<Token> {
    const generation = (token as Partial<Token> | undefined)?.generation;
    if (typeof generation !== 'number') {
      throw new TokenvisorError('CONFIG_INVALID', `Expected the Token that was refused, got ${typeof token}`, {
        child: this.name,
      });
    }
    const current = this.#load() ?? this.#token;
    if (current?.generation === generation) {
      raise(this.#words, Header.INVALIDATED, generation);
      this.#forget();
      ring(this.#words, Header.REQUEST);
    }
    return this.#wait(options, 'a token after the one that was refused', () => this.#lasting(0));
  }

  /** How the credential does, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): CredentialStatus {
    const supervision = readSupervision(this.#words);
    const refresh = readJson(this.#words, STATUS) as RefreshStatus | undefined;
    const record = readRecord(this.#words, SNAPSHOT);
    const live = record.payload ? record : undefined;
    const usable = live !== undefined && this.#isUsable(live);
    return {
      name: this.name,
      state: stateOf(supervision?.phase, refresh, usable, live !== undefined),
      usable,
      generation: live?.generation ?? 0,
      ...(live && { issuedAtMs: live.issuedAtMs, expiresAtMs: live.expiresAtMs }),
      ...(typeof refresh?.refreshAtMs === 'number' && { refreshAtMs: refresh.refreshAtMs }),
      ...(typeof refresh?.nextAttemptAtMs === 'number' && { nextAttemptAtMs: refresh.nextAttemptAtMs }),
      incarnation: supervision?.incarnation ?? 0,
      restarts: supervision?.restarts ?? 0,
      attempts: refresh?.attempts ?? 0,
      mints: refresh?.mints ?? 0,
      refreshes: refresh?.refreshes ?? 0,
      failures: refresh?.failures ?? 0,
      ...(refresh?.lastFailure && { lastFailure: refresh.lastFailure }),
      ...(supervision?.phase === 'parked'
        ? { parked: { why: 'restart_intensity' as const, ...dueAt(supervision.dueMonoMs) } }
        : refresh?.parked && { parked: refresh.parked }),
      ...(supervision?.lastExit && { lastExit: supervision.lastExit }),
      exchanging: supervision?.phase === 'running' && refresh?.exchanging === true,
    };
  }

  /** What to post to another thread, for `attach()` there. */
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
    if (!usable) return this.#isUnasked() ? 'ok' : 'down';
    return state === 'fresh' || state === 'refreshing' ? 'ok' : 'degraded';
  }

  /** @internal */
  doorbell(): { readonly words: AtomicWords; readonly index: number } {
    return { words: this.#words, index: Header.CHANGE };
  }

  /** @internal What `ready()` waits for. Throws what makes waiting hopeless. */
  isReady(): boolean {
    if (this.#load()) return true;
    this.#throwIfHopeless();
    return this.#isUnasked();
  }

  /** Not eager, and nobody has asked yet: it has no token because it needs none. */
  #isUnasked(): boolean {
    const supervision = readSupervision(this.#words);
    const refresh = readJson(this.#words, STATUS) as RefreshStatus | undefined;
    if (supervision?.phase !== 'running' || refresh?.state !== 'starting') return false;
    return !refresh.exchanging && refresh.nextAttemptAtMs === undefined;
  }

  #forget(): void {
    this.#token = undefined;
    this.#control = 0;
    this.#usableUntilMs = 0;
  }

  /** The slow path: decodes what the control word points at, once per token. Returns it if it is usable. */
  #load(): Token | undefined {
    const record = readRecord(this.#words, SNAPSHOT);
    if (record.control === undefined) return this.#cached();
    if (!record.payload || record.generation <= this.#words.load(Header.INVALIDATED)) {
      this.#forget();
      return undefined;
    }
    if (record.control !== this.#control) {
      const payload = JSON.parse(decoder.decode(record.payload)) as TokenPayload;
      this.#token = new Token(payload, record);
      this.#control = record.control;
      this.#usableUntilMs = record.usableUntilMs;
    }
    return this.#cached();
  }

  #cached(): Token | undefined {
    return Date.now() < this.#usableUntilMs ? this.#token : undefined;
  }

  #isUsable(record: ReadRecord): boolean {
    return record.generation > this.#words.load(Header.INVALIDATED) && Date.now() < record.usableUntilMs;
  }

  /** The token, if it is usable for more than `minTtlMs`. */
  #lasting(minTtlMs: number): Token | undefined {
    const token = this.#load();
    return token && this.#usableUntilMs - Date.now() > minTtlMs ? token : undefined;
  }

  #generation(): number {
    return lastGeneration(this.#words, SNAPSHOT);
  }

  /** Asks for a token after the last one; returns the generation that would satisfy. */
  #want(): number {
    const wanted = this.#generation() + 1;
    if (raise(this.#words, Header.WANTED, wanted)) ring(this.#words, Header.REQUEST);
    return wanted;
  }

  async #wait(options: WaitForTokenOptions, what: string, check: () => Token | undefined): Promise<Token> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = options;
    checkTimeout(timeoutMs);
    return this.#doorbell.wait(
      () => {
        const token = check();
        if (token === undefined) this.#throwIfHopeless();
        return token;
      },
      { timeoutMs, signal, onTimeout: () => this.#timedOut(what, timeoutMs) },
    );
  }

  /** No wait is worth it: stopped, or parked with no live token. */
  #throwIfHopeless(): void {
    const supervision = readSupervision(this.#words);
    if (supervision?.phase === 'stopped') throw this.#stopped();
    const refresh = readJson(this.#words, STATUS) as RefreshStatus | undefined;
    const parked = supervision?.phase === 'parked' || refresh?.state === 'parked';
    if (parked && !this.#load()) throw this.#parked(this.status());
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

  #unavailable(): TokenvisorError {
    const status = this.status();
    const child = this.name;
    if (status.state === 'stopped') return this.#stopped();
    if (status.state === 'parked') return this.#parked(status);
    const cause = failureCause(status);
    if (status.expiresAtMs !== undefined && status.generation > this.#words.load(Header.INVALIDATED)) {
      const message = `The token of '${child}' has reached its end (${new Date(status.expiresAtMs).toISOString()}, less the margin) and there is no newer one`;
      return new TokenvisorError('TOKEN_EXPIRED', message, { child, ...cause });
    }
    const message = `There is no token of '${child}' yet: await get() or supervisor.ready() first`;
    return new TokenvisorError('TOKEN_NOT_READY', message, { child, ...cause });
  }

  #stopped(): TokenvisorError {
    return new TokenvisorError('STOPPED', `'${this.name}' has been stopped`, { child: this.name });
  }

  #parked(status: CredentialStatus): TokenvisorError {
    const why = status.parked?.why ?? 'fatal_answer';
    return new TokenvisorError(
      'PARKED',
      `'${this.name}' is parked (${why}) and gets no token by itself: mend the cause, then resume() or rotate()`,
      { child: this.name, ...failureCause(status) },
    );
  }

  #timedOut(what: string, timeoutMs: number): TokenvisorError {
    const status = this.status();
    return new TokenvisorError(
      'TIMEOUT',
      `'${this.name}' had no ${what.replace(/^an? /, '')} within ${timeoutMs} ms (state: ${status.state})`,
      {
        child: this.name,
        ...failureCause(status),
      },
    );
  }
}

const checkTtl = (minTtlMs: unknown): void => {
  if (typeof minTtlMs === 'number' && minTtlMs >= 0 && Number.isFinite(minTtlMs)) return;
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `Expected \`minTtlMs\` to be a number >= 0, got ${String(minTtlMs)} (${typeof minTtlMs})`,
  );
};

/** The supervisor counts on the monotonic clock; people read the other one. */
const dueAt = (dueMonoMs: number | undefined): { probeAtMs?: number } => {
  if (dueMonoMs === undefined) return {};
  const { wallMs, monoMs } = systemClock.now();
  return { probeAtMs: Math.round(wallMs + dueMonoMs - monoMs) };
};

/** The last failed mint, as the error that it was. */
const failureCause = ({ lastFailure, failures }: CredentialStatus): { cause?: Error } =>
  lastFailure && failures > 0 ? { cause: mintError(lastFailure) } : {};

const stateOf = (
  phase: ChildPhase | undefined,
  refresh: RefreshStatus | undefined,
  usable: boolean,
  hasToken: boolean,
): CredentialState => {
  switch (phase) {
    case 'stopped':
    case 'parked':
    case 'zombie':
      return phase;
    case 'restarting':
    case 'stopping':
      return 'restarting';
    default:
  }
  // A token is published a moment before the actor says so.
  if (usable && (refresh?.state === 'starting' || refresh?.state === 'expired')) return 'fresh';
  if (phase === 'starting') return refresh || hasToken ? 'restarting' : 'starting';
  if (!refresh) return 'starting';
  // The actor may be dead, or asleep until its next wake: that a token has expired is for the clock to say.
  const claimsToken = refresh.state === 'fresh' || refresh.state === 'refreshing' || refresh.state === 'degraded';
  return claimsToken && hasToken && !usable ? 'expired' : refresh.state;
};
