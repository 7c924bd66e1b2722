/**
 * Condition variables in shared memory, for any thread.
 *
 * Who changes something rings (bumps a counter, notifies). Who waits reads the counter, checks its condition, and waits
 * for the counter to be another. The order is what makes it safe: a notification between the check and the wait makes the wait
 * return at once. A notifier killed between its increment and its notify strands no waiter, because waits go in slices.
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
   * Resolves with the first answer of `check` that is not undefined, rejects with what it throws. All waits of one
   * condition variable share one wait on the word; while there is one, the process is held open (not where time is simulated).
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

  /** The counter is read before the conditions are checked, so that no notification falls between the two. */
  #listen(): void {
    this.#listening = true;
    for (let round = 0; round < ROUNDS; round += 1) {
      const seen = this.#words.load(this.#index);
      this.#attemptAll();
      if (this.#waiters.size === 0) {
        this.#listening = false;
        return;
      }
      const notified = this.#words.waitAsync(this.#index, seen, SLICE_MS);
      if (notified) {
        void notified.then(() => this.#listen());
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

/** Calls `onNotify` after notifications of the word, until stopped. Does not hold the thread open; notifications may be merged. */
export const watchWord = (words: SharedWords, index: number, onNotify: () => void): { stop(): void } => {
  let stopped = false;
  let round = 0;
  const listen = (seen: number): void => {
    const notified = words.waitAsync(index, seen, SLICE_MS * 8);
    round = notified ? 0 : (round + 1) % ROUNDS;
    const pause = notified ?? (round === 0 ? idleTurn() : Promise.resolve());
    void pause.then(() => {
      if (stopped) return;
      const now = words.load(index);
      if (now !== seen) onNotify();
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
