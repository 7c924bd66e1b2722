/**
 * A simulated thread: it may die between any two things that it does, or stand still while time goes on.
 *
 * Nothing ends code in the simulator's own thread. So all that a simulated one could be noticed by (a store to shared
 * memory, a write to a file, a request, a timer, an event) passes through here, and throws from its death on.
 */
import type { Clock, Timer } from '../../src/core/clock.js';

/** What the code of a dead thread meets. */
export class Death extends Error {}

/** What is counted until the death: a word stored, or a whole deed such as a record written. */
export type DeathUnit = 'word' | 'deed';

export class Mortal {
  /** A request that it makes from now on comes from a thread that has a successor. */
  fenced = false;
  readonly clock: Clock;
  readonly #onDeath: (unit: DeathUnit | undefined) => void;
  readonly #timers = new Set<Timer>();
  /** What has come meanwhile: timers, which have their turn first, and all else. */
  readonly #held: { readonly timers: (() => void)[]; readonly rest: (() => void)[] } = { timers: [], rest: [] };
  #dead = false;
  #frozen = false;
  #doom: { readonly unit: DeathUnit; left: number } | undefined;

  constructor(clock: Clock, onDeath: (unit: DeathUnit | undefined) => void) {
    this.#onDeath = onDeath;
    this.clock = {
      wallMs: () => clock.wallMs(),
      monoMs: () => clock.monoMs(),
      now: () => clock.now(),
      setTimer: (delayMs, callback) => {
        // What still runs of a dead thread waits for ever.
        if (this.#dead) return { cancel: () => undefined };
        const timer = clock.setTimer(delayMs, () => {
          this.#timers.delete(timer);
          this.#enter(callback, this.#held.timers);
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            this.#timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }

  get dead(): boolean {
    return this.#dead;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** It dies over the so-manieth thing that it does from now on. */
  doom(unit: DeathUnit, after: number): void {
    this.#doom = { unit, left: after };
  }

  reprieve(): void {
    this.#doom = undefined;
  }

  /** It is about to do something. */
  act(unit: DeathUnit): void {
    this.#throwIfDead();
    if (this.#doom?.unit !== unit || this.#doom.left-- > 0) return;
    this.die(unit);
    throw new Death();
  }

  die(unit?: DeathUnit): void {
    if (this.#dead) return;
    this.#dead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#held.timers.length = 0;
    this.#held.rest.length = 0;
    this.#onDeath(unit);
  }

  /** It stands still: what comes for it waits. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    const { timers, rest } = this.#held;
    for (const callback of [...timers.splice(0), ...rest.splice(0)]) this.enter(callback);
  }

  /** Something comes for it from outside. */
  enter(callback: () => void): void {
    this.#enter(callback, this.#held.rest);
  }

  #enter(callback: () => void, held: (() => void)[]): void {
    if (this.#dead) return;
    if (this.#frozen) {
      held.push(callback);
      return;
    }
    try {
      callback();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
    }
  }

  #throwIfDead(): void {
    if (this.#dead) throw new Death();
  }
}
