/** Shared memory as a simulated thread has it: each store may be its last, and waits end by the simulated clock. */
import type { Clock } from '../../src/core/clock.js';
import { AtomicWords } from '../../src/memory/words.js';
import type { Mortal } from './mortal.js';

/** Who waits on the words of one buffer, in whatever thread. */
export class Waits {
  readonly #byIndex = new Map<number, Set<() => void>>();

  add(index: number, wake: () => void): void {
    const waits = this.#byIndex.get(index) ?? new Set();
    this.#byIndex.set(index, waits);
    waits.add(wake);
  }

  delete(index: number, wake: () => void): void {
    this.#byIndex.get(index)?.delete(wake);
  }

  notify(index: number): void {
    const waits = this.#byIndex.get(index);
    this.#byIndex.delete(index);
    for (const wake of waits ?? []) wake();
  }
}

export class MortalWords extends AtomicWords {
  readonly #clock: Clock;
  readonly #waits: Waits;
  readonly #thread: Mortal | undefined;

  /** @param thread undefined: that of readers, which lives as long as the process. */
  constructor(buffer: SharedArrayBuffer, clock: Clock, waits: Waits, thread?: Mortal) {
    super(buffer, clock);
    this.#clock = thread?.clock ?? clock;
    this.#waits = waits;
    this.#thread = thread;
  }

  override store(index: number, value: number): void {
    this.#thread?.act('word');
    super.store(index, value);
  }

  override compareExchange(index: number, expected: number, replacement: number): number {
    this.#thread?.act('word');
    return super.compareExchange(index, expected, replacement);
  }

  override add(index: number, value: number): number {
    this.#thread?.act('word');
    return super.add(index, value);
  }

  override notify(index: number): void {
    this.#thread?.act('word');
    this.#waits.notify(index);
  }

  override waitAsync(index: number, expected: number, timeoutMs: number): Promise<unknown> | undefined {
    if (this.#thread?.dead) return new Promise(() => undefined);
    if (this.load(index) !== expected) return undefined;
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waits.delete(index, rung);
        timer.cancel();
        resolve(undefined);
      };
      // A thread that stands still hears of it when it goes on.
      const rung = (): void => (this.#thread ? this.#thread.enter(wake) : wake());
      const timer = this.#clock.setTimer(timeoutMs, wake);
      this.#waits.add(index, rung);
    });
  }
}
