/**
 * The only access to shared memory. The protocols are written against {@link SharedWords}, so that tests can run them
 * under a scheduler that explores every interleaving of its operations.
 */
import type { Clock } from '../core/clock.js';

/** Sequentially consistent 32-bit words. */
export interface SharedWords {
  /** The clock of the instants in these words, which also bounds waits for them; by default the machine's. */
  readonly clock?: Clock | undefined;
  load(index: number): number;
  store(index: number, value: number): void;
  /** Stores `replacement` if the old value is `expected`; returns the old value. */
  compareExchange(index: number, expected: number, replacement: number): number;
  /** Returns the old value. */
  add(index: number, value: number): number;
  /** Wakes all waits on the word, in any thread. */
  notify(index: number): void;
  /** Blocks this thread while the word is `expected`, `timeoutMs` at most. */
  wait(index: number, expected: number, timeoutMs: number): void;
  /**
   * Resolves when the word may no longer be `expected`, after `timeoutMs` at the latest; undefined if it already
   * differs.
   */
  waitAsync(index: number, expected: number, timeoutMs: number): Promise<unknown> | undefined;
}

/** Words of a SharedArrayBuffer. */
export class AtomicWords implements SharedWords {
  /** For the read path, which can't afford a call. */
  readonly view: Int32Array;
  readonly clock: Clock | undefined;

  constructor(buffer: SharedArrayBuffer, clock?: Clock) {
    this.view = new Int32Array(buffer);
    this.clock = clock;
  }

  load(index: number): number {
    return Atomics.load(this.view, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.view, index, value);
  }

  compareExchange(index: number, expected: number, replacement: number): number {
    return Atomics.compareExchange(this.view, index, expected, replacement);
  }

  add(index: number, value: number): number {
    return Atomics.add(this.view, index, value);
  }

  notify(index: number): void {
    Atomics.notify(this.view, index);
  }

  wait(index: number, expected: number, timeoutMs: number): void {
    Atomics.wait(this.view, index, expected, timeoutMs);
  }

  waitAsync(index: number, expected: number, timeoutMs: number): Promise<unknown> | undefined {
    const wait = Atomics.waitAsync(this.view, index, expected, timeoutMs);
    return wait.async ? wait.value : undefined;
  }
}

/** The wall clock of the instants in these words. */
export const wallClockOf = ({ clock }: Pick<SharedWords, 'clock'>): (() => number) =>
  clock ? () => clock.wallMs() : machineNowMs;

/** One function for all readers, so that a call costs no more than Date.now itself; Date is looked up each time. */
const machineNowMs = (): number => Date.now();

/** Raises a word to `value` unless it is that high already. Any thread may call it; true if this call raised it. */
export const raise = (words: SharedWords, index: number, value: number): boolean => {
  let seen = words.load(index);
  while (seen < value) {
    const was = words.compareExchange(index, seen, value);
    if (was === seen) return true;
    seen = was;
  }
  return false;
};

/** Bumps a counter that others wait on, and wakes them. */
export const notify = (words: SharedWords, index: number): void => {
  words.add(index, 1);
  words.notify(index);
};
