/**
 * What must hold at each step, whatever happens. Written from what is promised (docs/reference/options.md, the failure
 * model), not from the code: none of them asks the code what it would do.
 */
import { exchangeInvariants } from './invariants-exchange.js';
import { loopInvariants } from './invariants-loop.js';
import { Holds, requestInvariants } from './invariants-requests.js';
import { tokenInvariants } from './invariants-tokens.js';
import type { Observation } from './observation.js';
import type { Facts } from './scenario.js';

/** One promise: it is told of all that happens, and says what is wrong. */
export interface Invariant {
  readonly name: string;
  readonly check: (observation: Observation) => string | undefined;
}

export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, what: string) {
    super(what);
    this.invariant = invariant;
  }
}

export class Invariants {
  readonly #all: readonly Invariant[];
  readonly #holds = new Holds();
  #monoMs = 0;

  constructor(facts: Facts, more: readonly Invariant[]) {
    this.#all = [
      ...tokenInvariants(),
      ...requestInvariants(facts, this.#holds),
      ...exchangeInvariants(facts),
      ...loopInvariants(),
      ...more,
    ];
  }

  /** @throws Violation */
  check(observation: Observation): void {
    this.#monoMs = observation.monoMs;
    this.#holds.take(observation);
    for (const { name, check } of this.#all) {
      const what = check(observation);
      if (what !== undefined) throw new Violation(name, what);
    }
  }

  /** What is left of the waits that servers have asked for. */
  heldMs(): number {
    return Math.max(0, this.#holds.longestUntilMonoMs - this.#monoMs);
  }
}
