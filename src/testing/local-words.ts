/**
 * The shared words of a child whose actor runs in this thread, and time as its readers here see it.
 *
 * A notify of the machine wakes a wait in the same thread in a turn of the event loop of its own. Here it does so in
 * this one, so that what a mint changes is seen by who waits for it before any time passes. Waits in other threads, and
 * rings from there, go the usual way.
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

  /** A thread that is blocked sees time pass; the actor, whose thread it is, mints nothing meanwhile. */
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
