/**
 * The supervisor's types, in OTP's terms. The supervisor itself is the pure function in supervisor-core.ts; the
 * supervisor thread is a thin shell that carries out its effects.
 */
import type { WireError } from '../../core/wire-error.js';
import type { NoticeOf } from './event-map.js';
import type { ExitReason, RestartType, Shutdown, SupervisorReport } from './terms.js';

/** The supervisor's rules for a child. Everything else (its module, options, memory) belongs to the shell. */
export interface ChildRules {
  readonly name: string;
  readonly restart: RestartType;
  readonly shutdown: Shutdown;
  readonly maxRestarts: number;
  readonly maxSeconds: number;
  /**
   * The silence after which its thread is ended as `hung`: it determines how far apart such deaths may be and still
   * count.
   */
  readonly hangTimeoutMs: number;
  /** The time after which an unfinished start has failed: the same for starts. */
  readonly initTimeoutMs: number;
  /**
   * False if the child writes to a place that can't be fenced (a file): then no successor starts before the old thread
   * has exited.
   */
  readonly fenceable: boolean;
  /** What happens to the snapshot when the thread has ended. A stop withdraws it in any case. */
  readonly onExit: OnExit;
}

/**
 * What happens to a published snapshot when its actor's thread has ended. `keep`: readers continue to use it, and the
 * next actor finds it. `withdraw`: it is withdrawn, as an ETS table is deleted with its owner.
 */
export type OnExit = 'keep' | 'withdraw';

export interface SupervisorRules {
  /** `child`: per child, with parking. `supervisor`: exactly as OTP. */
  readonly escalation: 'child' | 'supervisor';
  /** The shared intensity under `escalation: 'supervisor'`. */
  readonly maxRestarts: number;
  readonly maxSeconds: number;
  /** How many threads may boot at once. Always 1, in order, under `escalation: 'supervisor'`. */
  readonly startConcurrency: number;
  /** How long after a kill a thread that has not exited counts as a zombie. */
  readonly zombieAfterMs: number;
  /** The first wait of a parked child, doubled up to the second. */
  readonly parkMs: number;
  readonly parkMaxMs: number;
}

/**
 * The phase of a child.
 *
 * - `starting`: booting, init not done;
 * - `running`: init done;
 * - `stopping`: asked or killed, exit not seen;
 * - `restarting`: no thread; the next incarnation starts when its wait is over;
 * - `parked`: no thread; past its intensity; tried again much later;
 * - `zombie`: killed, does not exit; no successor may start (its file can't be fenced, or two threads live already);
 * - `stopped`: no thread, and none will start by itself; the spec is kept.
 */
export type ChildPhase = 'starting' | 'running' | 'stopping' | 'restarting' | 'parked' | 'zombie' | 'stopped';

/** The state that must outlive the supervisor thread; in the child's supervision record, written at every change. */
export interface PersistedChild {
  readonly phase: ChildPhase;
  /** Counts every incarnation ever started: the fencing epoch. */
  readonly incarnation: number;
  readonly restarts: number;
  /** Monotonic ms of the restarts that still count. */
  readonly restartTimesMs: readonly number[];
  /** Those of them that followed a hang, and count for longer. */
  readonly hungTimesMs?: readonly number[];
  readonly parkedTimes: number;
  /** While parked or restarting: when the next start is due (monotonic). */
  readonly dueMonoMs?: number;
  /** While stopping: the stop was requested, so a supervisor that adopts the child leaves it stopped. */
  readonly stopAsked?: true;
  readonly lastExit?: { readonly reason: ExitReason; readonly atMs: number };
}

export type SupervisorCommand =
  | { readonly kind: 'start_child'; readonly rules: ChildRules }
  | { readonly kind: 'terminate_child'; readonly name: string }
  | { readonly kind: 'restart_child'; readonly name: string }
  | { readonly kind: 'delete_child'; readonly name: string }
  /** Resumes a child that is parked for its restart intensity; `ok` without effect if it is not. */
  | { readonly kind: 'resume_child'; readonly name: string }
  /** Stops all children in reverse order of their start, then the supervisor. */
  | { readonly kind: 'close' };

/** A child as the previous supervisor left it. */
interface AdoptedChild {
  readonly rules: ChildRules;
  readonly persisted: PersistedChild;
  /** Until when readers can continue without its actor: wall time in ms; absent if they already can't. */
  readonly servedUntilMs?: number;
}

export type SupervisorEvent =
  /** The first start: all children in order; a failure stops all and is the answer. `request` is answered when done. */
  | { readonly kind: 'start'; readonly request: number; readonly children: readonly ChildRules[] }
  /**
   * This supervisor replaces a dead one: no thread of the old one lives. Parked children stay parked, stopped ones
   * stopped.
   */
  | {
      readonly kind: 'adopt';
      readonly children: readonly AdoptedChild[];
    }
  | { readonly kind: 'command'; readonly request: number; readonly command: SupervisorCommand }
  /** Init is done. */
  | { readonly kind: 'started'; readonly name: string; readonly incarnation: number }
  /**
   * Init failed, timed out, or the thread could not be made. `exited` follows in any case (at once if no thread was
   * made). The core kills a thread that may still live.
   */
  | {
      readonly kind: 'start_failed';
      readonly name: string;
      readonly incarnation: number;
      readonly error: WireError;
      /** Init was not done within `initTimeoutMs`. */
      readonly timedOut?: boolean;
    }
  /** The thread's `exit`: exactly one for each `spawn`. Before `started`, it is a failed start. */
  | {
      readonly kind: 'exited';
      readonly name: string;
      readonly incarnation: number;
      readonly reason: ExitReason;
    }
  /** The heartbeat was silent for too long. */
  | { readonly kind: 'hung'; readonly name: string; readonly incarnation: number }
  /** The instant of the last `wake` has been reached; a spurious one is harmless. */
  | { readonly kind: 'woken' };

export type CommandOutcome = { readonly ok: true } | { readonly ok: false; readonly error: WireError };

export type SupervisorEffect =
  /** Start this incarnation. `beside`: this older one, a zombie, still lives in the other bank. */
  | {
      readonly kind: 'spawn';
      readonly name: string;
      readonly incarnation: number;
      readonly beside?: number;
    }
  /** Ask the thread to end: its `exited` follows, or the core kills it later. */
  | { readonly kind: 'shut_down'; readonly name: string; readonly incarnation: number }
  /** Terminate the thread: the exit's reason is `reason`. No effect if it has exited. */
  | {
      readonly kind: 'kill';
      readonly name: string;
      readonly incarnation: number;
      readonly reason: 'killed' | 'hung';
    }
  /** The child's persisted state has changed: write it where it outlives this thread, before any following effect. */
  | { readonly kind: 'persist'; readonly name: string; readonly persisted: PersistedChild }
  /**
   * Withdraw its snapshot: the child is stopped and will not start by itself; or its thread has ended or is given up,
   * and `onExit` says to withdraw.
   */
  | { readonly kind: 'withdraw'; readonly name: string }
  /** Forget the child: its spec is gone. A zombie of it may still live; its `exited` is still needed. */
  | { readonly kind: 'forget'; readonly name: string }
  | { readonly kind: 'reply'; readonly request: number; readonly outcome: CommandOutcome }
  | { readonly kind: 'report'; readonly report: SupervisorReport }
  | { readonly kind: 'notice'; readonly notice: SupervisionNotice }
  /** Replaces any earlier wake (monotonic); undefined: never. */
  | { readonly kind: 'wake'; readonly atMonoMs: number | undefined }
  /** All children are stopped and the supervisor ends: on request, or at its intensity's limit. */
  | { readonly kind: 'end'; readonly reason: 'closed' | 'restart_intensity' | 'start_failed' };

/** An event that the supervisor emits. */
export type SupervisionNotice =
  | NoticeOf<
      'child:started' | 'child:exited' | 'child:restarting' | 'child:restarted' | 'child:zombie' | 'child:stopped'
    >
  | (NoticeOf<'child:parked'> & { readonly why: 'restart_intensity'; readonly retryInMs: number })
  | (NoticeOf<'child:resumed'> & { readonly by: 'user' | 'probe' });
