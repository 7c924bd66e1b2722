import type { SharedWords } from '../../src/memory/words.js';

interface SimulatedWait {
  readonly index: number;
  readonly wake: () => void;
}

/** Words of one thread, whose waits are in the hands of the test: no time passes in them by itself. */
export class SimulatedWords implements SharedWords {
  /** Called right before a wait begins. */
  beforeWait: ((timeoutMs: number) => void) | undefined;
  readonly #memory: Int32Array;
  readonly #waits = new Set<SimulatedWait>();

  constructor(words: number) {
    this.#memory = new Int32Array(words);
  }

  load(index: number): number {
    return this.#memory[index] ?? 0;
  }

  store(index: number, value: number): void {
    this.#memory[index] = value;
  }

  compareExchange(index: number, expected: number, replacement: number): number {
    const before = this.load(index);
    if (before === expected) this.store(index, replacement);
    return before;
  }

  add(index: number, value: number): number {
    const before = this.load(index);
    this.store(index, before + value);
    return before;
  }

  notify(index: number): void {
    for (const wait of [...this.#waits]) if (wait.index === index) wait.wake();
  }

  /** Nobody else runs: what happens meanwhile is for `beforeWait` to do. */
  wait(_index: number, _expected: number, timeoutMs: number): void {
    this.beforeWait?.(timeoutMs);
  }

  waitAsync(index: number, expected: number, timeoutMs: number): Promise<unknown> | undefined {
    this.beforeWait?.(timeoutMs);
    if (this.load(index) !== expected) return undefined;
    return new Promise<void>((resolve) => {
      const wait: SimulatedWait = {
        index,
        wake: () => {
          this.#waits.delete(wait);
          resolve();
        },
      };
      this.#waits.add(wait);
    });
  }

  /** The slices of all waits are over. */
  endSlices(): void {
    for (const wait of [...this.#waits]) wait.wake();
  }

  /** How many waits there are on a word. */
  waiting(index: number): number {
    return [...this.#waits].filter((wait) => wait.index === index).length;
  }
}
