/**
 * What a kind of child is made of: a module that exports a {@link Behaviour}, as a GenServer module exports callbacks.
 *
 * Handlers run one at a time and none waits for I/O: they are synchronous, and a handler that returns a promise is an
 * error. What takes time goes into `context.startTask`, and its result comes back through `handleInfo`.
 */
import type { Clock, Timer } from '../clock.js';

const directive = Symbol.for('tokenvisor.directive');

interface Directive<Kind extends string> {
  readonly [directive]: Kind;
}

/** `init` is done; `handleContinue` runs before any message. */
export interface Continue<State> extends Directive<'continue'> {
  readonly state: State;
  readonly argument: unknown;
}

/** The call is answered. */
export interface Reply<State> extends Directive<'reply'> {
  readonly state: State;
  readonly value: unknown;
}

/** The call is answered later, with `context.reply(from, value)`. */
export interface NoReply<State> extends Directive<'noreply'> {
  readonly state: State;
}

/** The actor ends: normally, or as a shutdown. To crash, throw. */
export interface Stop<State> extends Directive<'stop'> {
  readonly state: State;
  readonly reason: 'normal' | 'shutdown';
}

/** From `init`: go on with `handleContinue(argument)` before the first message. */
export const proceed = <State>(state: State, argument?: unknown): Continue<State> => ({
  [directive]: 'continue',
  state,
  argument,
});

/** From `handleCall`: answer now. */
export const reply = <State>(value: unknown, state: State): Reply<State> => ({ [directive]: 'reply', state, value });

/** From `handleCall`: answer later, with `context.reply(from, value)`. */
export const noReply = <State>(state: State): NoReply<State> => ({ [directive]: 'noreply', state });

/** From any handler: end. A `permanent` child is started again even so. */
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
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What became of a task, as `handleInfo` gets it. */
export type TaskResult =
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: true; readonly value: unknown }
  | { readonly kind: 'task'; readonly tag: unknown; readonly ok: false; readonly error: unknown };

/** Somebody raised a word in shared memory: read `context.wanted()` and `context.invalidated()`. */
export interface Requested {
  readonly kind: 'requested';
}

export interface Task {
  /** Aborts the task's signal and drops its result. */
  cancel(): void;
  /** Resolves when the task has ended, however it did; never rejects. */
  readonly settled: Promise<void>;
}

/** What is published with a snapshot. Instants in ms since the Unix epoch; all default to never. */
export interface PublishOptions {
  readonly issuedAtMs?: number;
  readonly expiresAtMs?: number;
  readonly usableUntilMs?: number;
  /** By default the next one. Only ever raised. */
  readonly generation?: number;
}

/** A snapshot that is there already, from this incarnation or from one before it. */
export interface LiveSnapshot {
  readonly value: unknown;
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly usableUntilMs: number;
}

/** All that an actor has of the world. Everything here is synchronous. */
export interface ActorContext<Options = unknown> {
  readonly name: string;
  /** Counts the incarnations of this child, from 1. */
  readonly incarnation: number;
  /** Unique to the supervisor and the child, the same in every incarnation: an owner for locks. */
  readonly owner: string;
  readonly options: Options;
  readonly clock: Clock;

  /** Publishes a JSON value to every reader of this child, at most 64 KiB. Returns the generation. */
  publish(value: unknown, options?: PublishOptions): number;
  /** Takes the published value back. */
  withdraw(): void;
  /** What readers see now. */
  live(): LiveSnapshot | undefined;
  /** The last generation ever published, 0 if none. */
  generation(): number;

  /** State that a crash must not lose, anything that can be cloned, at most 64 KiB: no public object reaches it. */
  seal(value: unknown): void;
  sealed(): unknown;

  /** What `status()` shows of this child: JSON, at most 8 KiB, no secrets. */
  setStatus(value: unknown): void;

  /** The generation that somebody wants, and the one that somebody has seen refused. */
  wanted(): number;
  invalidated(): number;

  /** Answers a call whose handler returned `noReply`. A second answer, or a late one, is dropped. */
  reply(from: From, value: unknown): void;
  /** Answers it with an error. */
  replyError(from: From, error: unknown): void;
  /** Puts a message into this actor's own mailbox, for `handleInfo`. */
  send(message: unknown): void;
  /** The same after `delayMs`. */
  sendAfter(message: unknown, delayMs: number): Timer;
  /** Runs something that takes time beside the mailbox; its {@link TaskResult} comes to `handleInfo`. */
  startTask(run: (signal: AbortSignal) => unknown, tag: unknown): Task;
  /** Tells the world: an event of the supervisor's, with the child's name added. No secrets. */
  emit(type: string, details: Readonly<Record<string, unknown>>): void;
}

/** Why `terminate` is called. */
export type TerminateReason = 'normal' | 'shutdown' | { readonly error: unknown };

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
  handleCall?(
    message: never,
    from: From,
    state: State,
    context: ActorContext<Options>,
  ): Reply<State> | NoReply<State> | Stop<State>;
  handleCast?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /** Results of tasks, requests in shared memory, and what the actor sends to itself. */
  handleInfo?(message: never, state: State, context: ActorContext<Options>): Next<State>;
  /** New options, by `rotate()`. Without it the child can't be rotated. Throw to refuse them. */
  handleOptions?(options: Options, state: State, context: ActorContext<Options>): Next<State>;
  /** The last word, bounded by the child's `shutdown`: may be a promise. No message is handled any more. */
  terminate?(reason: TerminateReason, state: State, context: ActorContext<Options>): void | Promise<void>;
}
