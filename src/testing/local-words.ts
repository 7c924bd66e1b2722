/**
 * The shared words of a child whose actor runs in this thread, with the time that its readers here use.
 *
 * A real notify wakes a wait in the same thread in a later turn of the event loop. Here it does so in the same turn, so
 * that a waiting reader sees the effect of a mint before any time passes. Waits in other threads, and notifications
 * from there, work as usual.
 */
import { AtomicWords } from '../memory/words.js';
import type { SimulatedClock } from './simulated-clock.js';

export class LocalWords extends AtomicWords {
  readonly #waits = new Map<number, Set<(value?: unknown) => void>>();
  readonly #simulated: SimulatedClock | undefined;

  constructor(buffer: SharedArrayBuffer, clock: SimulatedClock | undefined) {
    super(buffer, clock);
    this.#simulated = clock;
  }

  override notify(index: number): void {
    super.notify(index);
    const waits = this.#waits.get(index);
    this.#waits.delete(index);
    for (const wake of waits ?? []) wake();
  }

  /** A blocked thread sees time pass; the actor runs in this thread, and so mints nothing meanwhile. */
  override wait(index: number, expected: number, timeoutMs: number): void {
    if (this.#simulated) this.#simulated.advance(timeoutMs);
    else super.wait(index, expected, timeoutMs);
  }

  override waitAsync(index: number, expected: number, timeoutMs: number): Promise<unknown> | undefined {
    const elsewhere = super.waitAsync(index, expected, timeoutMs);
    if (!elsewhere) return undefined;
    const waits = this.#waits.get(index) ?? new Set();
    this.#waits.set(index, waits);
    return new Promise((resolve) => {
      waits.add(resolve);
      void elsewhere.then((value) => {
        waits.delete(resolve);
        resolve(value);
      });
    });
  }
}
