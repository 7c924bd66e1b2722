/**
 * Condition variables in shared memory, for any thread.
 *
 * A notifier bumps a counter and notifies. A waiter reads the counter, checks its condition, and waits for the counter
 * to change. The order makes it safe: a bump between the check and the wait makes the wait return at once. Waits go in
 * slices, so a notifier that is killed between its bump and its notify delays waiters by one slice only.
 */
import { abortError, listenForAbort } from '../core/abort.js';
import { type BoundClock, setBound } from '../core/bound.js';
import { type Clock, systemClock, type Timer } from '../core/clock.js';
import { nextTurn } from '../core/next-turn.js';
import type { SharedWords } from './words.js';

/** The longest delay that a lost notify can cause: ms. */
export const SLICE_MS = 250;

/** How often a changing word is read in one turn of the event loop before other work runs. */
const ROUNDS = 100;

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Bounds the wait in lived time instead of clock time: for waits that can't be repeated. */
  readonly lived?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Makes the error for a wait that reached its bound. */
  readonly onTimeout: () => Error;
}

/** A plain timer: it holds the process open, and a test's fake timers replace it. */
const setTimer = (delayMs: number, callback: () => void): Timer => {
  const timeout = setTimeout(callback, delayMs);
  return { cancel: () => clearTimeout(timeout) };
};

const plainClock: BoundClock = { monoMs: () => systemClock.monoMs(), setTimer };

/**
 * Calls `callback` at the end of a wait. By the machine's clock it runs a turn later: after the thread stood still,
 * messages that arrived meanwhile are handled first.
 */
const setEnd = (clock: Clock | undefined, { timeoutMs, lived }: WaitOptions, callback: () => void): Timer => {
  if (lived) return setBound(clock ?? plainClock, timeoutMs, callback);
  if (clock) return clock.setTimer(timeoutMs, callback);
  return setTimer(timeoutMs, () => void nextTurn().then(callback));
};

interface Waiter {
  /** Checks the condition and settles if it can; true if settled. */
  readonly attempt: () => boolean;
}

export class ConditionVariable {
  readonly #words: SharedWords;
  readonly #index: number;
  readonly #waiters = new Set<Waiter>();
  #listening = false;
  #slice: NodeJS.Timeout | undefined;

  constructor(words: SharedWords, index: number) {
    this.#words = words;
    this.#index = index;
  }

  /**
   * Resolves with the first result of `check` that is not undefined, rejects with what it throws. All waits of one
   * doorbell share one wait on the word; while a wait is pending, the process is held open (not where time is
   * simulated).
   */
  wait<T>(check: () => T | undefined, options: WaitOptions): Promise<T> {
    const { signal, onTimeout } = options;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError('wait', signal));
        return;
      }
      const settle = (finish: () => void): true => {
        this.#waiters.delete(waiter);
        timeout.cancel();
        unlisten();
        if (this.#waiters.size === 0) this.#rest();
        finish();
        return true;
      };
      const waiter: Waiter = {
        attempt() {
          try {
            const answer = check();
            return answer !== undefined && settle(() => resolve(answer));
          } catch (error) {
            return settle(() => reject(error));
          }
        },
      };
      const unlisten = listenForAbort(signal, () => settle(() => reject(abortError('wait', signal))));
      const end = (): void => {
        if (this.#waiters.has(waiter) && !waiter.attempt()) settle(() => reject(onTimeout()));
      };
      const timeout = setEnd(this.#words.clock, options, end);
      this.#waiters.add(waiter);
      // Simulated time does not pass in a slice.
      if (!this.#words.clock) this.#slice ??= setInterval(() => this.#attemptAll(), SLICE_MS);
      if (!this.#listening) this.#listen();
      else waiter.attempt();
    });
  }

  /** As {@link wait}, but blocks the thread: for threads that may block. Returns undefined at `timeoutMs`. */
  waitSync<T>(check: () => T | undefined, timeoutMs: number): T | undefined {
    const { clock = systemClock } = this.#words;
    const deadlineMs = clock.monoMs() + timeoutMs;
    for (;;) {
      const seen = this.#words.load(this.#index);
      const answer = check();
      if (answer !== undefined) return answer;
      const leftMs = deadlineMs - clock.monoMs();
      if (leftMs <= 0) return undefined;
      this.#words.wait(this.#index, seen, Math.min(leftMs, SLICE_MS));
    }
  }

  /** Reads the counter before it checks the conditions, so that no notification is lost between the two. */
  #listen(): void {
    this.#listening = true;
    for (let round = 0; round < ROUNDS; round += 1) {
      const seen = this.#words.load(this.#index);
      this.#attemptAll();
      if (this.#waiters.size === 0) {
        this.#listening = false;
        return;
      }
      const notify = this.#words.waitAsync(this.#index, seen, SLICE_MS);
      if (ring) {
        void ring.then(() => this.#listen());
        return;
      }
    }
    void nextTurn().then(() => this.#listen());
  }

  #attemptAll(): void {
    for (const waiter of [...this.#waiters]) waiter.attempt();
  }

  #rest(): void {
    clearInterval(this.#slice);
    this.#slice = undefined;
  }
}

/**
 * A later turn, without holding the thread open. By a timer: an unref'd immediate does not wake an event loop that
 * waits for its next timer or message.
 */
const idleTurn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0).unref());

/**
 * Calls `onRing` after changes of the word, until stopped. Does not hold the thread open; several changes may cause one
 * call.
 */
export const watchWord = (words: SharedWords, index: number, onRing: () => void): { stop(): void } => {
  let stopped = false;
  let round = 0;
  const listen = (seen: number): void => {
    const notify = words.waitAsync(index, seen, SLICE_MS * 8);
    round = notify ? 0 : (round + 1) % ROUNDS;
    const pause = notify ?? (round === 0 ? idleTurn() : Promise.resolve());
    void pause.then(() => {
      if (stopped) return;
      const now = words.load(index);
      if (now !== seen) onRing();
      listen(now);
    });
  };
  listen(words.load(index));
  return {
    stop() {
      stopped = true;
    },
  };
};
