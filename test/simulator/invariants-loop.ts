/** How the loop behaves, what is seen of it, and that it goes on. */
import { CANARY } from '../hostile/types.js';
import { disorderIn } from '../support/effects-in-order.js';
import type { Invariant } from './invariants.js';
import type { Observation } from './observation.js';

const effectsInOrder = (): Invariant => ({
  name: 'effects in order, the wake in the future',
  check: (observation) => {
    if (observation.kind !== 'turn') return undefined;
    const { effects, now } = observation.turn;
    return disorderIn(effects, now.monoMs);
  },
});

const MOST_TURNS_A_SECOND = 20;

/** Turns a second are bounded, but for what users and deaths cause. */
const noBusyLoop = (): Invariant => {
  let turns: number[] = [];
  let caused = 0;
  return {
    name: 'no busy loop',
    check: (observation) => {
      if (observation.kind === 'deed' || observation.kind === 'thread' || observation.kind === 'process') caused += 4;
      if (observation.kind !== 'turn') return undefined;
      const { monoMs } = observation;
      if (turns.length > 0 && monoMs - turns[0]! >= 1_000) {
        turns = turns.filter((at) => monoMs - at < 1_000);
        caused = 0;
      }
      turns.push(monoMs);
      return turns.length > MOST_TURNS_A_SECOND + caused ? `${turns.length} turns in a second` : undefined;
    },
  };
};

/** A token or a secret is in no effect, event, status or error. */
const noSecret = (): Invariant => ({
  name: 'no secret is seen',
  check: (observation) => {
    const seen = visibleIn(observation);
    if (seen === undefined) return undefined;
    const at = seen.indexOf(CANARY);
    return at === -1
      ? undefined
      : `in what is told by ${observation.kind}: …${seen.slice(Math.max(0, at - 80), at + 40)}…`;
  },
});

const visibleIn = (observation: Observation): string | undefined => {
  switch (observation.kind) {
    case 'turn': {
      const { event, effects } = observation.turn;
      return JSON.stringify([event, effects]);
    }
    case 'event':
      return JSON.stringify(observation.details);
    case 'status':
      return JSON.stringify(observation.status);
    case 'read':
    case 'waited':
      return observation.error;
    default:
      return undefined;
  }
};

/** A wait ends by its bound. */
const waitsEnd = (): Invariant => ({
  name: 'each wait ends by its bound',
  check: (observation) => {
    if (observation.kind !== 'waited' || !('timeoutMs' in observation.deed)) return undefined;
    const lateMs = observation.tookMs - observation.deed.timeoutMs;
    return lateMs > 1 ? `${observation.deed.what}() took ${lateMs} ms longer` : undefined;
  },
});

/** Nothing that comes from outside ends an actor. */
const noCrashOfItsOwn = (): Invariant => ({
  name: 'the actor does not crash by itself',
  check: (observation) =>
    observation.kind === 'thread' && observation.what === 'crashed' ? (observation.detail ?? 'it did') : undefined,
});

/** Once the server is well, and whoever has to has acted, there is a fresh token within the bound that is promised. */
const progress = (): Invariant => ({
  name: 'progress after the recovery',
  check: (observation) => (observation.kind === 'end' ? observation.problem : undefined),
});

export const loopInvariants = (): readonly Invariant[] => [
  effectsInOrder(),
  noBusyLoop(),
  noSecret(),
  waitsEnd(),
  noCrashOfItsOwn(),
  progress(),
];
