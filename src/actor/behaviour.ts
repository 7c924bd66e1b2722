/**
 * What a kind of child is made of: a module that exports a {@link Behaviour}, as a GenServer module exports callbacks.
 *
 * Handlers run one at a time and none waits for I/O: they are synchronous, and a handler that returns a promise is an
 * error. What takes time goes into `context.startTask`, and its result comes back through `handleInfo`.
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
  /** What `handleContinue` is given. */
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
  /** What its supervisor is told. */
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

/** Who waits for the answer of a call. Opaque: hand it to `context.reply`. */
export interface From {
  /** @hidden */
  readonly resolve: (value: unknown) => void;
  /** @hidden */
  readonly reject: (error: unknown) => void;
}

/** What became of a task, as `handleInfo` gets it: `tag` is what `startTask` was given. */
export type TaskResult =
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: true; readonly value: unknown }
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: false; readonly error: unknown };

/** Somebody raised a word in shared memory: read `context.wanted()` and `context.invalidated()`. */
export interface Requested {
  /** Tells this message from others that `handleInfo` gets. */
  readonly kind: 'requested';
}

/** The context of a built-in kind: its tasks may share an `AbortController`. */
export interface AbortableTasks {
  /** `controller` is what a cancel, or the actor's end, aborts: by default a new one. */
  startTask(run: (signal: AbortSignal) => unknown, tag: unknown, controller?: AbortController): Task;
}

/** What `context.startTask` returns. */
export interface Task {
  /** Aborts the task's signal and drops its result. */
  cancel(): void;
  /** Resolves when the task has ended, however it did; never rejects. */
  readonly settled: Promise<void>;
}

/** What is published with a snapshot. Instants in ms since the Unix epoch. */
export interface PublishOptions {
  /**
   * When what is published was made.
   * @default 0, which says nothing
   */
  readonly issuedAtMs?: number;
  /**
   * From then on readers see nothing.
   * @default Infinity
   */
  readonly expiresAtMs?: number;
  /**
   * Until when a reader may use it.
   * @default the same as `expiresAtMs`
   */
  readonly usableUntilMs?: number;
  /**
   * The number that readers tell it by: 1 to 2^31 - 1. Only ever raised.
   * @default the next one
   */
  readonly generation?: number;
}

/** A snapshot that is there already, from this incarnation or from one before it. */
export interface LiveSnapshot {
  /** What was published. */
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

/** All that an actor has of the world. Everything here is synchronous. */
export interface ActorContext<Options = unknown> {
  /** The child's name. */
  readonly name: string;
  /** Counts the incarnations of this child, from 1. */
  readonly incarnation: number;
  /** Unique to the supervisor and the child, the same in every incarnation: an owner for locks. */
  readonly owner: string;
  /** The child's `options`. */
  readonly options: Options;
  /** Wall and monotonic time, and timers: to be replaced in tests. */
  readonly clock: Clock;

  /**
   * Publishes a JSON value to every reader of this child, at most 64 KiB. Returns its generation.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE for what has no JSON, FENCED if a successor has taken over, CONFIG_INVALID for
   * options that are none, INTERNAL after 2^31 - 1 publications of the child, over all incarnations.
   */
  publish(value: unknown, options?: PublishOptions): number;
  /**
   * Takes the published value back: readers see none.
   *
   * @throws FENCED if a successor has taken over.
   */
  withdraw(): void;
  /** What readers see now; undefined for nothing. */
  live(): LiveSnapshot | undefined;
  /** The last generation ever published, 0 if none. */
  generation(): number;

  /**
   * Keeps state that a crash must not lose: anything that can be cloned, at most 64 KiB. No public object reaches it.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE, FENCED if a successor has taken over.
   */
  seal(value: unknown): void;
  /** What was last sealed, by this incarnation or one before it; undefined for nothing. */
  sealed(): unknown;

  /**
   * What `status().details` shows of this child: JSON, at most 8 KiB, no secrets.
   *
   * @throws RECORD_TOO_LARGE, NOT_CLONEABLE for what has no JSON, FENCED if a successor has taken over.
   */
  setStatus(value: unknown): void;

  /** The child's own words: small numbers that any thread reads, and may count in. They outlive the actor. */
  readonly words: ActorWords;

  /**
   * The child's table, if it was given one: this actor is its one writer. It outlives the actor; opened, and what was half
   * done finished, when it is first asked for.
   *
   * @throws CONFIG_INVALID if the child has none.
   */
  readonly table: TableWriter;

  /** The generation that somebody wants; 0 if nobody has asked. */
  wanted(): number;
  /** The latest generation that somebody has seen refused; 0 for none. */
  invalidated(): number;

  /**
   * Answers a call whose handler returned `noReply`. A second answer, or a late one, is dropped.
   *
   * @throws CONFIG_INVALID for a `from` that is none.
   */
  reply(from: From, value: unknown): void;
  /** Answers it with an error. @throws CONFIG_INVALID for a `from` that is none. */
  replyError(from: From, error: unknown): void;
  /** Puts a message into this actor's own mailbox, for `handleInfo`. */
  send(message: unknown): void;
  /** The same after `delayMs`: ms, on the monotonic clock. @throws CONFIG_INVALID for what is no number. */
  sendAfter(message: unknown, delayMs: number): Timer;
  /**
   * Runs something that takes time beside the mailbox; a {@link TaskResult} with `tag` comes to `handleInfo`. What it
   * throws is in there as well. `signal` is aborted by `cancel()`.
   *
   * @throws CONFIG_INVALID for what is no function.
   */
  startTask(run: (signal: AbortSignal) => unknown, tag: unknown): Task;
  /**
   * Tells the world: an event of the supervisor's, with the child's name added. No secrets.
   *
   * @throws NOT_CLONEABLE for details that can't cross, CONFIG_INVALID for a type that is no text, or details that are no
   * object.
   */
  emit(type: string, details: Readonly<Record<string, unknown>>): void;
}

/** Why `terminate` is called. */
export type TerminateReason = 'normal' | 'shutdown' | { readonly error: unknown };

/** @inline */
type Next<State> = State | Stop<State>;

/**
 * The callbacks of a kind. `State` is whatever you like; each handler returns the next one.
 *
 * @example
 * export const counter: Behaviour<number> = {
 *   init: () => 0,
 *   handleCall: (message, from, count) => reply(count, count),
 *   handleCast: (message, count) => count + 1,
 * };
 */
export interface Behaviour<State = unknown, Options = unknown> {
  /** Makes the first state, or throws: that is an error of the start. Bounded by `initTimeoutMs`. */
  init(context: ActorContext<Options>): State | Continue<State>;
  /** After `init`, before any message: for what must not hold up the start. */
  handleContinue?(argument: unknown, state: State, context: ActorContext<Options>): Next<State>;
  /** A call: returns {@link reply}, {@link noReply} or {@link stop}. What it throws is the actor's death. */
  handleCall?(
    message: never,
    from: From,
    state: State,
    context: ActorContext<Options>,
  ): Reply<State> | NoReply<State> | Stop<State>;
  /** A cast: returns the next state, or {@link stop}. */
  handleCast?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /**
   * All else: a {@link TaskResult}, a {@link Requested}, and what the actor sends to itself. Without it they are dropped.
   */
  handleInfo?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /** New options, by `update()`. Without it its options can't be changed. Throw to refuse them. */
  handleOptions?(options: Options, state: State, context: ActorContext<Options>): Next<State>;
  /** The last word, bounded by the child's `shutdown`: may be a promise. No message is handled any more. */
  terminate?(reason: TerminateReason, state: State, context: ActorContext<Options>): void | Promise<void>;
}
