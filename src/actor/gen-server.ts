/**
 * The actor: a GenServer. It owns a state, handles one message at a time, and is not its thread: port, memory and clock
 * are handed to it, and nothing is kept in module globals.
 */
import { deserialize, serialize } from 'node:v8';
import type { Clock, Timer } from '../clock.js';
import { TokenvisorError } from '../errors.js';
import { Header, SEALED, SNAPSHOT, STATUS } from '../memory/layout.js';
import { readRecord, RecordWriter, type RecordHeader, type WriterSeat } from '../memory/record.js';
import { raise, ring, type SharedWords } from '../memory/words.js';
import { watchWord } from '../memory/doorbell.js';
import {
  type ActorContext,
  type Behaviour,
  directiveOf,
  type From,
  type LiveSnapshot,
  type PublishOptions,
  type Stop,
  type Task,
  type TaskResult,
  type TerminateReason,
} from './behaviour.js';
import { Mailbox } from './mailbox.js';

/** The seat of an incarnation at each record that it writes. */
export interface ActorSeats {
  readonly snapshot: WriterSeat;
  readonly status: WriterSeat;
  readonly sealed: WriterSeat;
}

export interface GenServerOptions {
  readonly name: string;
  readonly incarnation: number;
  readonly owner: string;
  readonly options: unknown;
  readonly behaviour: Behaviour;
  readonly clock: Clock;
  readonly shared: SharedWords;
  readonly sealed: SharedWords;
  readonly seats: ActorSeats;
  readonly emit: (type: string, details: Readonly<Record<string, unknown>>) => void;
}

type Message =
  | { readonly kind: 'continue'; readonly argument: unknown }
  | { readonly kind: 'call'; readonly message: unknown; readonly from: From; readonly taken: () => void }
  | { readonly kind: 'cast'; readonly message: unknown; readonly taken: () => void }
  | { readonly kind: 'info'; readonly message: unknown }
  | { readonly kind: 'options'; readonly options: unknown; readonly from: From }
  | { readonly kind: 'stop' };

/** How an actor ended; a crash rejects instead. */
export type ActorEnd = 'normal' | 'shutdown';

const NO_INSTANTS: RecordHeader = { generation: 0, issuedAtMs: 0, expiresAtMs: 0, usableUntilMs: 0 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const encode = (what: string, value: unknown): Uint8Array => {
  const text = JSON.stringify(value);
  if (text === undefined) {
    throw new TokenvisorError('NOT_CLONEABLE', `Expected ${what} to be a JSON value, got ${typeof value}`);
  }
  return encoder.encode(text);
};

/** Nothing in module globals but pure functions: the state of an actor is in here. */
export class GenServer {
  readonly #name: string;
  readonly #behaviour: Behaviour;
  readonly #shared: SharedWords;
  readonly #sealed: SharedWords;
  readonly #snapshot: RecordWriter;
  readonly #status: RecordWriter;
  readonly #seal: RecordWriter;
  readonly #context: ActorContext;
  readonly #mailbox = new Mailbox<Message>((message) => this.#handle(message));
  readonly #tasks = new Set<AbortController>();
  readonly #timers = new Set<Timer>();
  readonly #ended: Promise<ActorEnd>;
  #end!: (end: ActorEnd) => void;
  #fail!: (error: unknown) => void;
  #state: unknown;
  #watch: { stop(): void } | undefined;
  #ending = false;

  constructor(options: GenServerOptions) {
    this.#name = options.name;
    this.#behaviour = options.behaviour;
    this.#shared = options.shared;
    this.#sealed = options.sealed;
    this.#snapshot = new RecordWriter(options.shared, SNAPSHOT, options.seats.snapshot);
    this.#status = new RecordWriter(options.shared, STATUS, options.seats.status);
    this.#seal = new RecordWriter(options.sealed, SEALED, options.seats.sealed);
    this.#ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    // Whoever asked for the end hears of it; nobody has to.
    this.#ended.catch(() => undefined);
    this.#context = this.#createContext(options);
  }

  /** Resolves when the actor has ended by itself or was asked to; rejects with what it crashed with. */
  get ended(): Promise<ActorEnd> {
    return this.#ended;
  }

  /** Runs `init`. What it throws is an error of the start. */
  start(): void {
    const first = this.#synchronous('init', this.#behaviour.init(this.#context));
    if (directiveOf(first) === 'continue') {
      const { state, argument } = first as { state: unknown; argument: unknown };
      this.#state = state;
      queueMicrotask(() => this.#mailbox.push({ kind: 'continue', argument }));
    } else {
      this.#state = first;
    }
    this.#watch = watchWord(this.#shared, Header.REQUEST, () => this.#info({ kind: 'requested' }));
  }

  /** `taken` is called when the message leaves the mailbox. */
  call(message: unknown, taken: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#mailbox.push({ kind: 'call', message, from: { resolve, reject }, taken });
    });
  }

  cast(message: unknown, taken: () => void): void {
    this.#mailbox.push({ kind: 'cast', message, taken });
  }

  /** New options: resolves when the behaviour has taken them. */
  reconfigure(options: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#mailbox.push({ kind: 'options', options, from: { resolve, reject } });
    });
  }

  /** Ends the actor after what is in the mailbox already. */
  shutDown(): void {
    this.#mailbox.push({ kind: 'stop' });
  }

  #info(message: unknown): void {
    this.#mailbox.push({ kind: 'info', message });
  }

  #handle(message: Message): void {
    if (this.#ending) return;
    try {
      this.#dispatch(message);
    } catch (error) {
      void this.#finish({ error });
    }
  }

  #dispatch(message: Message): void {
    const { handleContinue, handleCall, handleCast, handleInfo, handleOptions } = this.#behaviour;
    switch (message.kind) {
      case 'continue':
        if (!handleContinue) throw this.#missing('handleContinue');
        return this.#take(
          'handleContinue',
          handleContinue.call(this.#behaviour, message.argument, this.#state, this.#context),
        );
      case 'call':
        message.taken();
        if (!handleCall) return message.from.reject(this.#missing('handleCall'));
        return this.#takeCall(
          message.from,
          handleCall.call(this.#behaviour, message.message as never, message.from, this.#state, this.#context),
        );
      case 'cast':
        message.taken();
        if (!handleCast) throw this.#missing('handleCast');
        return this.#take(
          'handleCast',
          handleCast.call(this.#behaviour, message.message as never, this.#state, this.#context),
        );
      case 'info':
        if (!handleInfo) return undefined;
        return this.#take(
          'handleInfo',
          handleInfo.call(this.#behaviour, message.message as never, this.#state, this.#context),
        );
      case 'options':
        if (!handleOptions) return message.from.reject(this.#missing('handleOptions'));
        return this.#reconfigure(message.options, message.from);
      case 'stop':
        return void this.#finish('shutdown');
    }
  }

  /** Options that are refused leave the actor as it was. */
  #reconfigure(options: unknown, from: From): void {
    let next: unknown;
    try {
      next = this.#behaviour.handleOptions?.(options, this.#state, this.#context);
    } catch (error) {
      return from.reject(error);
    }
    this.#take('handleOptions', next);
    from.resolve(undefined);
  }

  #take(handler: string, result: unknown): void {
    if (directiveOf(this.#synchronous(handler, result)) !== 'stop') {
      this.#state = result;
      return;
    }
    const { state, reason } = result as Stop<unknown>;
    this.#state = state;
    void this.#finish(reason);
  }

  #takeCall(from: From, result: unknown): void {
    const directive = directiveOf(this.#synchronous('handleCall', result));
    switch (directive) {
      case 'reply': {
        const { state, value } = result as { state: unknown; value: unknown };
        this.#state = state;
        return from.resolve(value);
      }
      case 'noreply':
        this.#state = (result as { state: unknown }).state;
        return;
      case 'stop':
        return this.#take('handleCall', result);
      default:
        throw new TokenvisorError(
          'INTERNAL',
          `Expected handleCall to return reply(value, state), noReply(state) or stop(reason, state), got ${typeof result}`,
          { child: this.#name },
        );
    }
  }

  #synchronous<T>(handler: string, result: T): T {
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new TokenvisorError(
        'INTERNAL',
        `Expected ${handler} to be synchronous, got a promise: start what takes time with context.startTask`,
        { child: this.#name },
      );
    }
    return result;
  }

  #missing(handler: string): TokenvisorError {
    return new TokenvisorError(
      'CALL_FAILED',
      `Expected the behaviour of '${this.#name}' to have ${handler}: it has none`,
      {
        child: this.#name,
      },
    );
  }

  async #finish(reason: TerminateReason): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#mailbox.close();
    this.#watch?.stop();
    for (const timer of this.#timers) timer.cancel();
    try {
      await this.#behaviour.terminate?.(reason, this.#state, this.#context);
    } catch (error) {
      this.#abortTasks();
      return this.#fail(error);
    }
    this.#abortTasks();
    if (typeof reason === 'string') this.#end(reason);
    else this.#fail(reason.error);
  }

  #abortTasks(): void {
    for (const task of this.#tasks) task.abort();
    this.#tasks.clear();
  }

  #createContext(options: GenServerOptions): ActorContext {
    return {
      name: options.name,
      incarnation: options.incarnation,
      owner: options.owner,
      options: options.options,
      clock: options.clock,
      publish: (value, publishOptions) => this.#publish(value, publishOptions),
      withdraw: () => {
        this.#snapshot.withdraw();
        this.#changed();
      },
      live: () => this.#live(),
      generation: () => this.#generation(),
      seal: (value) => this.#seal.publish(NO_INSTANTS, serialize(value)),
      sealed: () => {
        const record = readRecord(this.#sealed, SEALED);
        return record.payload && (deserialize(record.payload) as unknown);
      },
      setStatus: (value) => {
        this.#status.publish(NO_INSTANTS, encode('the status', value));
        this.#changed();
      },
      wanted: () => this.#shared.load(Header.WANTED),
      invalidated: () => this.#shared.load(Header.INVALIDATED),
      reply: (from, value) => from.resolve(value),
      replyError: (from, error) => from.reject(error),
      send: (message) => this.#info(message),
      sendAfter: (message, delayMs) => this.#sendAfter(message, delayMs, options.clock),
      startTask: (run, tag) => this.#startTask(run, tag),
      emit: options.emit,
    };
  }

  #publish(value: unknown, options: PublishOptions = {}): number {
    const { issuedAtMs = 0, expiresAtMs = Infinity, usableUntilMs = expiresAtMs } = options;
    const generation = options.generation ?? this.#generation() + 1;
    this.#snapshot.publish(
      { generation, issuedAtMs, expiresAtMs, usableUntilMs },
      encode('the published value', value),
    );
    raise(this.#shared, Header.GENERATION, generation);
    this.#changed();
    return generation;
  }

  /** A writer may have been killed between its publish and its raise: the record knows better. */
  #generation(): number {
    const record = readRecord(this.#shared, SNAPSHOT);
    return Math.max(this.#shared.load(Header.GENERATION), record.payload ? record.generation : 0);
  }

  #live(): LiveSnapshot | undefined {
    const record = readRecord(this.#shared, SNAPSHOT);
    if (!record.payload) return undefined;
    const { generation, issuedAtMs, expiresAtMs, usableUntilMs } = record;
    const value = JSON.parse(decoder.decode(record.payload)) as unknown;
    return { value, generation, issuedAtMs, expiresAtMs, usableUntilMs };
  }

  #changed(): void {
    ring(this.#shared, Header.CHANGE);
  }

  #sendAfter(message: unknown, delayMs: number, clock: Clock): Timer {
    const timer = clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      this.#info(message);
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  #startTask(run: (signal: AbortSignal) => unknown, tag: unknown): Task {
    const controller = new AbortController();
    this.#tasks.add(controller);
    const deliver = (result: TaskResult): void => {
      // A task that was cancelled is not in the set any more: its result is late, and dropped.
      if (this.#tasks.delete(controller)) this.#info(result);
    };
    const settled = Promise.resolve()
      .then(() => run(controller.signal))
      .then(
        (value) => deliver({ kind: 'task', tag, ok: true, value }),
        (error: unknown) => deliver({ kind: 'task', tag, ok: false, error }),
      );
    return {
      settled,
      cancel: () => {
        this.#tasks.delete(controller);
        controller.abort();
      },
    };
  }
}
