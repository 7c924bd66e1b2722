/** The supervisor's state between two events, and queries of it. Immutable: every event makes a new one. */
import type { WireError } from '../../core/wire-error.js';
import type { Instant } from '../../core/clock.js';
import type { ExitReason, RestartType } from './terms.js';
import type { ChildPhase, ChildRules, PersistedChild, SupervisorCommand, SupervisorRules } from './types.js';

/** The origin of an incarnation's start: it decides the effect of a failure, and the event of a success. */
export type Origin = 'first' | 'adopted' | 'start_child' | 'restart_child' | 'restart';

/** A stop in progress: requested, killed, or both in turn. */
export interface Stop {
  /**
   * A command or the end of the supervisor requested it; otherwise it is a kill, and the restart type decides what
   * follows.
   */
  readonly asked: boolean;
  /** The commands that are answered when it is done. */
  readonly requests: readonly number[];
  /** The reason of the exit if it is killed. */
  readonly reason: 'killed' | 'hung';
  /** When a thread that was asked to end is killed, in lived time. */
  readonly killAtMs?: number;
  /** When a killed thread becomes a zombie, in lived time. */
  readonly zombieAtMs?: number;
}

/** The thread of the current incarnation. */
export interface Thread {
  readonly incarnation: number;
  readonly origin: Origin;
  /** The command that is answered when the start is done. */
  readonly request?: number;
  /** Until when its boot holds one of the `startConcurrency` places, in lived time. */
  readonly placeUntilMs: number;
  /** When init was done. */
  readonly runningSinceMs?: number;
  /** Why its start failed. */
  readonly failure?: WireError;
  /** Its start timed out. */
  readonly timedOut?: boolean;
  readonly stop?: Stop;
  /** It has ended (or is a zombie that may be succeeded), and its turn to be handled has not come. */
  readonly ended?: ExitReason;
}

export interface Child {
  readonly rules: ChildRules;
  readonly persisted: PersistedChild;
  readonly thread?: Thread;
}

/** A killed thread that did not exit, and is no longer awaited. Its child may be gone. */
export interface Zombie {
  readonly name: string;
  readonly incarnation: number;
}

/** An incarnation that waits for one of the `startConcurrency` places. Its child has no thread. */
export interface Launch {
  readonly name: string;
  readonly origin: Origin;
  /** The command that is answered when the start is done. */
  readonly request?: number;
}

/** A message waiting for its turn: OTP's message queue. */
export type Waiting =
  | { readonly kind: 'command'; readonly request: number; readonly command: SupervisorCommand }
  | { readonly kind: 'died'; readonly name: string; readonly incarnation: number }
  /** OTP's `try_again_restart`: the last restart's start failed. */
  | { readonly kind: 'try_again'; readonly name: string };

/** The supervisor is stopping its children, one after the other. */
export interface Ending {
  readonly reason: 'closed' | 'restart_intensity' | 'start_failed';
  /** The `close` commands that are answered at the end. */
  readonly requests: readonly number[];
  /** The answer to the first start, if it is still unanswered. */
  readonly startError?: WireError;
}

export interface SupervisorState {
  readonly rules: SupervisorRules;
  readonly stage: 'new' | 'booting' | 'open' | 'ended';
  /** In order of start: stops go through it backwards. */
  readonly children: ReadonlyMap<string, Child>;
  readonly zombies: readonly Zombie[];
  readonly launching: readonly Launch[];
  /** The `start` event's request, until it is answered. */
  readonly startRequest?: number;
  readonly inbox: readonly Waiting[];
  /** Under `escalation: 'supervisor'`: the child in whose start or stop OTP's supervisor would be blocked now. */
  readonly blockedOn?: string;
  /** Under `escalation: 'supervisor'`: the seconds of the restarts that count, newest first. */
  readonly restartSeconds: readonly number[];
  readonly ending?: Ending;
  /** The instant of the last `wake` effect. */
  readonly wakeAtMs?: number;
}

/** The instant of an event, and the time that this supervisor did not run before it. */
export interface SupervisorInstant extends Instant {
  /**
   * The total time in which this thread was kept from running (a suspend, a stop, a throttled processor): bounds on
   * other threads are in lived time, which is monotonic time less this. Never shrinks; 0 by default.
   */
  readonly notLivedMs?: number;
}

/** The state before `start` or `adopt`. */
export const initialSupervisorState = (rules: SupervisorRules): SupervisorState => ({
  rules,
  stage: 'new',
  children: new Map(),
  zombies: [],
  launching: [],
  inbox: [],
  restartSeconds: [],
});

/** A child before its first incarnation. */
export const newPersistedChild: PersistedChild = {
  phase: 'starting',
  incarnation: 0,
  restarts: 0,
  restartTimesMs: [],
  parkedTimes: 0,
};

/** One row of `whichChildren()`. */
export interface ChildSummary {
  /** The child's name. */
  readonly name: string;
  /** The phase of its thread. */
  readonly phase: ChildPhase;
  /** Its restart type. */
  readonly restart: RestartType;
  /** Counts the threads of this child, from 1. */
  readonly incarnation: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** How often in a row it was parked for its restarts. */
  readonly parkedTimes: number;
  /** While parked or restarting: when the next start is due, in ms on the monotonic clock of `process.hrtime()`. */
  readonly dueMonoMs?: number;
  /** Why the last thread ended, and when: ms since the Unix epoch. */
  readonly lastExit?: PersistedChild['lastExit'];
  /** Older incarnations whose threads were killed and have not exited. */
  readonly zombies: readonly number[];
}

/** OTP's `which_children`, in order of start (OTP lists the last first). */
export const whichChildren = (state: SupervisorState): readonly ChildSummary[] =>
  [...state.children.values()].map(({ rules, persisted }) => ({
    name: rules.name,
    phase: persisted.phase,
    restart: rules.restart,
    incarnation: persisted.incarnation,
    restarts: persisted.restarts,
    parkedTimes: persisted.parkedTimes,
    ...(persisted.dueMonoMs !== undefined && { dueMonoMs: persisted.dueMonoMs }),
    ...(persisted.lastExit && { lastExit: persisted.lastExit }),
    zombies: state.zombies.filter((zombie) => zombie.name === rules.name).map((zombie) => zombie.incarnation),
  }));

/** The result of `countChildren()`, as OTP's `count_children`. */
export interface ChildCounts {
  /** All children, running or not. */
  readonly specs: number;
  /** Children whose `init` is done and whose thread lives. */
  readonly active: number;
  /** Always 0: there is one level. */
  readonly supervisors: 0;
  /** The same as `specs`. */
  readonly workers: number;
}

/** OTP's `count_children`: `active` are those whose current incarnation has done its init and has not exited. */
export const countChildren = (state: SupervisorState): ChildCounts => {
  const active = [...state.children.values()].filter(
    ({ thread }) => thread?.runningSinceMs !== undefined && !thread.ended,
  );
  return { specs: state.children.size, active: active.length, supervisors: 0, workers: state.children.size };
};
