/**
 * The parts of a child's kind: a module that exports a {@link Behaviour}, as a GenServer module exports callbacks.
 *
 * Handlers run one at a time and none waits for I/O: they are synchronous, and a handler that returns a promise is an
 * error. Slow work goes into `context.startTask`, and its result is passed to `handleInfo`.
 */
import type { Clock, Timer } from '../core/clock.js';
import type { ActorWords } from '../memory/user-words.js';
import type { TableWriter } from '../table/table-writer.js';

const directive = Symbol.for('tokenvisor.directive');

interface Directive<Kind extends string> {
  readonly [directive]: Kind;
}

/** What {@link proceed} returns: `init` is done, and `handleContinue` runs before any message. */
export interface Continue<State> extends Directive<'continue'> {
  /** The first state. */
  readonly state: State;
  /** The argument of `handleContinue`. */
  readonly argument: unknown;
}

/** What {@link reply} returns: the call is answered. */
export interface Reply<State> extends Directive<'reply'> {
  /** The next state. */
  readonly state: State;
  /** The answer. */
  readonly value: unknown;
}

/** What {@link noReply} returns: the call is answered later, with `context.reply(from, value)`. */
export interface NoReply<State> extends Directive<'noreply'> {
  /** The next state. */
  readonly state: State;
}

/** What {@link stop} returns: the actor ends, normally or as a shutdown. To crash, throw. */
export interface Stop<State> extends Directive<'stop'> {
  /** The last state, for `terminate`. */
  readonly state: State;
  /** The reason that its supervisor gets. */
  readonly reason: 'normal' | 'shutdown';
}

/**
 * From `init`: go on with `handleContinue(argument)` before the first message.
 *
 * @example
 * export const cache: Behaviour<Map<string, string>> = {
 *   init: () => proceed(new Map(), 'warm'),
 *   handleContinue: (argument, entries, context) => {
 *     context.startTask(() => fetch('https://example.com/entries'), argument);
 *     return entries;
 *   },
 * };
 */
export const proceed = <State>(state: State, argument?: unknown): Continue<State> => ({
  [directive]: 'continue',
  state,
  argument,
});

/**
 * From `handleCall`: answer now. The answer is anything that can be cloned.
 *
 * @example
 * export const counter: Behaviour<number> = {
 *   init: () => 0,
 *   handleCall: (message, from, count) => reply(count, count),
 * };
 */
export const reply = <State>(value: unknown, state: State): Reply<State> => ({ [directive]: 'reply', state, value });

/**
 * From `handleCall`: answer later, with `context.reply(from, value)`.
 *
 * @example
 * export const lookup: Behaviour<null> = {
 *   init: () => null,
 *   handleCall: (host: string, from, state, context) => {
 *     context.startTask(() => fetch(`https://${host}/`).then(({ status }) => status), from);
 *     return noReply(state);
 *   },
 *   handleInfo: ({ tag, ...result }: TaskResult, state, context) => {
 *     if (result.ok) context.reply(tag as From, result.value);
 *     else context.replyError(tag as From, result.error);
 *     return state;
 *   },
 * };
 */
export const noReply = <State>(state: State): NoReply<State> => ({ [directive]: 'noreply', state });

/**
 * From any handler but `init`: end. A `permanent` child is started again even so; a `transient` one is not.
 *
 * @example
 * export const once: Behaviour<null> = {
 *   init: () => null,
 *   handleCast: (message, state) => stop('normal', state),
 * };
 */
export const stop = <State>(reason: 'normal' | 'shutdown', state: State): Stop<State> => ({
  [directive]: 'stop',
  state,
  reason,
});

/** @internal */
export const directiveOf = (result: unknown): 'continue' | 'reply' | 'noreply' | 'stop' | undefined =>
  typeof result === 'object' && result !== null && directive in result
    ? (result as Directive<'continue' | 'reply' | 'noreply' | 'stop'>)[directive]
    : undefined;

/** The caller that waits for the answer of a call. Opaque: pass it to `context.reply`. */
export interface From {
  /** @hidden */
  readonly resolve: (value: unknown) => void;
  /** @hidden */
  readonly reject: (error: unknown) => void;
}

/** The result of a task, as `handleInfo` gets it: `tag` is the one passed to `startTask`. */
export type TaskResult =
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: true; readonly value: unknown }
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: false; readonly error: unknown };

/** A reader has raised a word in shared memory: read `context.wanted()` and `context.invalidated()`. */
export interface Requested {
  /** Distinguishes this message from others that `handleInfo` gets. */
  readonly kind: 'requested';
}

/** The context of a built-in kind: its tasks may share an `AbortController`. */
export interface AbortableTasks {
  /** `controller` is aborted by a cancel or at the actor's end: by default a new one. */
  startTask(run: (signal: AbortSignal) => unknown, tag: unknown, controller?: AbortController): Task;
}

/** What `context.startTask` returns. */
export interface Task {
  /** Aborts the task's signal and drops its result. */
  cancel(): void;
  /** Resolves when the task has ended, in any way; never rejects. */
  readonly settled: Promise<void>;
}

/** Options of a published snapshot. Instants in ms since the Unix epoch. */
export interface PublishOptions {
  /**
   * When the value was made.
   * @default 0, which means unknown
   */
  readonly issuedAtMs?: number;
  /**
   * When the value expires: readers no longer see it then.
   * @default Infinity
   */
  readonly expiresAtMs?: number;
  /**
   * Until when a reader may use it.
   * @default the same as `expiresAtMs`
   */
  readonly usableUntilMs?: number;
  /**
   * The number by which readers identify the value: 1 to 2^31 - 1. Only ever raised.
   * @default the next one
   */
  readonly generation?: number;
}

/** The current snapshot, from this incarnation or an earlier one. */
export interface LiveSnapshot {
  /** The published value. */
  readonly value: unknown;
  /** Counts what this child has published, from 1, over all incarnations. */
  readonly generation: number;
  /** As it was published: ms since the Unix epoch. */
  readonly issuedAtMs: number;
  /** As it was published; `Infinity` for never. */
  readonly expiresAtMs: number;
  /** As it was published; `Infinity` for never. */
  readonly usableUntilMs: number;
}

/** The actor's interface to its runtime. Everything here is synchronous. */
export interface ActorContext<Options = unknown> {
  /** The child's name. */
  readonly name: string;
  /** Counts the incarnations of this child, from 1. */
  readonly incarnation: number;
  /** Unique to the supervisor and the child, the same in every incarnation: an owner for locks. */
  readonly owner: string;
  /** The child's `options`. */
  readonly options: Options;
  /** Wall and monotonic time, and timers: tests can replace it. */
  readonly clock: Clock;

  /**
   * Publishes a JSON value to every reader of this child, at most 64 KiB. Returns its generation.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE for a value without JSON, FENCED if a successor has taken over,
   *   CONFIG_INVALID for invalid options, INTERNAL after 2^31 - 1 publications of the child, over all incarnations.
   */
  publish(value: unknown, options?: PublishOptions): number;
  /**
   * Withdraws the published value: readers see none.
   *
   * @throws FENCED if a successor has taken over.
   */
  withdraw(): void;
  /** The snapshot that readers see now; undefined if there is none. */
  live(): LiveSnapshot | undefined;
  /** The last generation ever published, 0 if none. */
  generation(): number;

  /**
   * Stores state that must survive a crash: any value that can be cloned, at most 64 KiB. No public object exposes it.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE, FENCED if a successor has taken over.
   */
  seal(value: unknown): void;
  /** The value sealed last, by this incarnation or an earlier one; undefined if there is none. */
  sealed(): unknown;

  /**
   * Sets `status().details` of this child: JSON, at most 8 KiB, no secrets.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE for a value without JSON, FENCED if a successor has taken over.
   */
  setStatus(value: unknown): void;

  /** The child's words: small numbers that any thread can read and add to. They outlive the actor. */
  readonly words: ActorWords;

  /**
   * The child's table, if it has one: this actor is its only writer. It outlives the actor; the first access opens it
   * and completes interrupted changes.
   *
   * @throws CONFIG_INVALID if the child has none.
   */
  readonly table: TableWriter;

  /** The generation that a reader wants; 0 if none was requested. */
  wanted(): number;
  /** The latest generation that a reader reported as refused; 0 for none. */
  invalidated(): number;

  /**
   * Answers a call whose handler returned `noReply`. A second answer, or a late one, is dropped.
   *
   * @throws CONFIG_INVALID for an invalid `from`.
   */
  reply(from: From, value: unknown): void;
  /** Answers it with an error. @throws CONFIG_INVALID for an invalid `from`. */
  replyError(from: From, error: unknown): void;
  /** Puts a message into this actor's mailbox, for `handleInfo`. */
  send(message: unknown): void;
  /** As {@link send}, after `delayMs`: ms, on the monotonic clock. @throws CONFIG_INVALID if it is not a number. */
  sendAfter(message: unknown, delayMs: number): Timer;
  /**
   * Runs slow work beside the mailbox; `handleInfo` gets a {@link TaskResult} with `tag`, also for an error that it
   * throws. `cancel()` aborts `signal`.
   *
   * @throws CONFIG_INVALID if `run` is not a function.
   */
  startTask(run: (signal: AbortSignal) => unknown, tag: unknown): Task;
  /**
   * Emits an event of the supervisor, with the child's name added. No secrets.
   *
   * @throws NOT_CLONEABLE for details that can't be cloned, CONFIG_INVALID for a type that is not a string, or details
   *   that are not an object.
   */
  emit(type: string, details: Readonly<Record<string, unknown>>): void;
}

/** Why `terminate` is called. */
export type TerminateReason = 'normal' | 'shutdown' | { readonly error: unknown };

/** @inline */
type Next<State> = State | Stop<State>;

/**
 * The callbacks of a kind. `State` is any type; each handler returns the next state.
 *
 * @example
 * export const counter: Behaviour<number> = {
 *   init: () => 0,
 *   handleCall: (message, from, count) => reply(count, count),
 *   handleCast: (message, count) => count + 1,
 * };
 */
export interface Behaviour<State = unknown, Options = unknown> {
  /** Makes the first state; a throw is an error of the start. Bounded by `initTimeoutMs`. */
  init(context: ActorContext<Options>): State | Continue<State>;
  /** Runs after `init`, before any message: for work that must not delay the start. */
  handleContinue?(argument: unknown, state: State, context: ActorContext<Options>): Next<State>;
  /** A call: returns {@link reply}, {@link noReply} or {@link stop}. A throw crashes the actor. */
  handleCall?(
    message: never,
    from: From,
    state: State,
    context: ActorContext<Options>,
  ): Reply<State> | NoReply<State> | Stop<State>;
  /** A cast: returns the next state, or {@link stop}. */
  handleCast?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /**
   * All other messages: a {@link TaskResult}, a {@link Requested}, and those that the actor sends to itself. Without it
   * they are dropped.
   */
  handleInfo?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /** New options, by `update()`. Without it its options can't be changed. Throw to refuse them. */
  handleOptions?(options: Options, state: State, context: ActorContext<Options>): Next<State>;
  /** Cleans up, bounded by the child's `shutdown`: may return a promise. No message is handled any more. */
  terminate?(reason: TerminateReason, state: State, context: ActorContext<Options>): void | Promise<void>;
}
