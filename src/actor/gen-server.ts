/**
 * The actor: a GenServer. It owns a state and handles one message at a time. It is independent of its thread: port,
 * memory and clock are passed in, and nothing is kept in module globals.
 */
import type { Clock, Timer } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { watchWord } from '../memory/condition.js';
import { Header } from '../memory/layout.js';
import { actorWords } from '../memory/user-words.js';
import type { SharedWords } from '../memory/words.js';
import type { TableMemory } from '../table/table-memory.js';
import { TableWriter } from '../table/table-writer.js';
import { UnderWay } from '../core/under-way.js';
import { within } from '../core/within.js';
import { ActorMemory, type ActorLeases } from './actor-memory.js';
import {
  type AbortableTasks,
  type ActorContext,
  type Behaviour,
  type Continue,
  directiveOf,
  type From,
  type Stop,
  type Task,
  type TaskResult,
  type TerminateReason,
} from './behaviour.js';
import { callerOf, checkDelay, checkedPublish, checkEvent, checkTask, uncloneable } from './context-checks.js';
import { Mailbox } from './mailbox.js';
import { tableOf } from './table-of.js';

export interface GenServerOptions {
  readonly name: string;
  readonly incarnation: number;
  readonly owner: string;
  readonly options: unknown;
  readonly behaviour: Behaviour;
  readonly clock: Clock;
  readonly shared: SharedWords;
  readonly sealed: SharedWords;
  readonly table?: TableMemory | undefined;
  readonly leases: ActorLeases;
  /** How long an actor that ends by itself waits for its `terminate`: ms, `Infinity` for ever. */
  readonly terminateTimeoutMs: number;
  readonly emit: (type: string, details: Readonly<Record<string, unknown>>) => void;
}

type Message =
  | { readonly kind: 'call'; readonly message: unknown; readonly from: From; readonly taken: () => void }
  | { readonly kind: 'cast'; readonly message: unknown; readonly taken: () => void; readonly handled: () => void }
  | { readonly kind: 'info'; readonly message: unknown }
  | { readonly kind: 'options'; readonly options: unknown; readonly from: From }
  | { readonly kind: 'stop' };

/** How an actor ended; a crash rejects instead. */
export type ActorEnd = 'normal' | 'shutdown';

/** All state of an actor is in here; module globals hold only pure functions. */
export class GenServer {
  readonly #name: string;
  readonly #behaviour: Behaviour;
  readonly #shared: SharedWords;
  readonly #context: ActorContext;
  readonly #clock: Clock;
  readonly #terminateTimeoutMs: number;
  readonly #mailbox: Mailbox<Message>;
  readonly #tasks = new UnderWay<AbortController>();
  readonly #timers = new UnderWay<Timer>();
  readonly #ended: Promise<ActorEnd>;
  #end!: (end: ActorEnd) => void;
  #fail!: (error: unknown) => void;
  #state: unknown;
  #watch: { stop(): void } | undefined;
  #ending = false;

  constructor(options: GenServerOptions) {
    this.#name = options.name;
    this.#behaviour = options.behaviour;
    this.#clock = options.clock;
    this.#terminateTimeoutMs = options.terminateTimeoutMs;
    this.#shared = options.shared;
    // Simulated time does not pass while a message is handled, so no message is delayed until after the next timer.
    this.#mailbox = new Mailbox((message) => this.#handle(message), options.shared.clock && ((): number => 0));
    this.#ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    // The end may reject while no caller waits for it.
    this.#ended.catch(() => undefined);
    this.#context = this.#createContext(options);
  }

  /** Resolves when the actor has ended by itself or on request; rejects with the error of a crash. */
  get ended(): Promise<ActorEnd> {
    return this.#ended;
  }

  /**
   * Runs `init`. Its error is an error of the start. Messages are handled from the next microtask on, after
   * `handleContinue`: also those that `init` sends to itself.
   */
  start(): void {
    // Watched before init reads the words, so that no request is missed between the two.
    this.#watch = watchWord(this.#shared, Header.REQUEST, () => this.#info({ kind: 'requested' }));
    const first = this.#init();
    const proceeds = directiveOf(first) === 'continue';
    this.#state = proceeds ? (first as Continue<unknown>).state : first;
    // Not by queueMicrotask, which the fake timers of some test runners replace.
    void Promise.resolve().then(() => {
      if (proceeds) this.#attempt(() => this.#continue((first as Continue<unknown>).argument));
      this.#mailbox.open();
    });
  }

  #init(): unknown {
    try {
      return this.#synchronous('init', this.#behaviour.init(this.#context));
    } catch (error) {
      this.#ending = true;
      this.#release();
      throw error;
    }
  }

  /** `taken` is called when the message leaves the mailbox. */
  call(message: unknown, taken: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#mailbox.push({ kind: 'call', message, from: { resolve, reject }, taken });
    });
  }

  /** `handled` is called when its handler has returned or thrown; not if the message was never handled. */
  cast(message: unknown, taken: () => void, handled: () => void = () => undefined): void {
    this.#mailbox.push({ kind: 'cast', message, taken, handled });
  }

  /** Passes new options to the behaviour: resolves when it has accepted them. */
  reconfigure(options: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#mailbox.push({ kind: 'options', options, from: { resolve, reject } });
    });
  }

  /** Ends the actor after the messages that are already in the mailbox. */
  shutDown(): void {
    this.#mailbox.push({ kind: 'stop' });
  }

  #info(message: unknown): void {
    this.#mailbox.push({ kind: 'info', message });
  }

  #handle(message: Message): void {
    this.#attempt(() => this.#dispatch(message));
  }

  /** Runs a callback of the behaviour; its error ends the actor. */
  #attempt(run: () => void): void {
    if (this.#ending) return;
    try {
      run();
    } catch (error) {
      void this.#finish({ error });
    }
  }

  #continue(argument: unknown): void {
    const behaviour = this.#behaviour;
    if (!behaviour.handleContinue) throw this.#missing('handleContinue');
    this.#take('handleContinue', behaviour.handleContinue(argument, this.#state, this.#context));
  }

  #dispatch(message: Message): void {
    const behaviour = this.#behaviour;
    const [state, context] = [this.#state, this.#context];
    switch (message.kind) {
      case 'call': {
        const { from } = message;
        message.taken();
        if (!behaviour.handleCall) return from.reject(this.#missing('handleCall'));
        return this.#takeCall(from, behaviour.handleCall(message.message as never, from, state, context));
      }
      case 'cast':
        message.taken();
        try {
          // A sender must not be able to crash the actor.
          if (!behaviour.handleCast) return context.emit('cast:failed', { code: this.#missing('handleCast').code });
          return this.#take('handleCast', behaviour.handleCast(message.message as never, state, context));
        } finally {
          message.handled();
        }
      case 'info':
        if (!behaviour.handleInfo) return undefined;
        return this.#take('handleInfo', behaviour.handleInfo(message.message as never, state, context));
      case 'options':
        if (!behaviour.handleOptions) return message.from.reject(this.#missing('handleOptions'));
        return this.#reconfigure(message.options, message.from);
      case 'stop':
        // The supervisor measures the time, and kills.
        return void this.#finish('shutdown', Infinity);
    }
  }

  /** Refused options leave the actor unchanged. */
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
        `Expected ${handler} to be synchronous, got a promise: start slow work with context.startTask`,
        { child: this.#name },
      );
    }
    return result;
  }

  #missing(handler: string): TokenvisorError {
    return new TokenvisorError(
      'CALL_FAILED',
      `Expected the behaviour of '${this.#name}' to have ${handler}, got none`,
      {
        child: this.#name,
      },
    );
  }

  async #finish(reason: TerminateReason, timeoutMs = this.#terminateTimeoutMs): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#release();
    try {
      const lastWord = this.#behaviour.terminate?.(reason, this.#state, this.#context);
      await (lastWord instanceof Promise ? within(timeoutMs, lastWord, this.#clock) : lastWord);
    } catch (error) {
      this.#abortTasks();
      return this.#fail(error);
    }
    this.#abortTasks();
    if (typeof reason === 'string') this.#end(reason);
    else this.#fail(reason.error);
  }

  /** No message is handled any more. */
  #release(): void {
    this.#mailbox.close();
    this.#watch?.stop();
    for (const timer of this.#timers.removeAll()) timer.cancel();
  }

  #abortTasks(): void {
    for (const task of this.#tasks.removeAll()) task.abort();
  }

  #createContext(options: GenServerOptions): ActorContext & AbortableTasks {
    const memory = new ActorMemory(options.shared, options.sealed, options.leases);
    let table: TableWriter | undefined;
    return {
      name: options.name,
      incarnation: options.incarnation,
      owner: options.owner,
      options: options.options,
      clock: options.clock,
      publish: (value, publishOptions = {}) => memory.publish(value, checkedPublish(publishOptions)),
      withdraw: () => memory.withdraw(),
      live: () => memory.live(),
      generation: () => memory.generation(),
      seal: (value) => memory.seal(value),
      sealed: () => memory.sealed(),
      setStatus: (value) => memory.setStatus(value),
      words: actorWords(options.shared),
      get table() {
        table ??= new TableWriter(tableOf(options.name, options.table));
        return table;
      },
      wanted: () => memory.wanted(),
      invalidated: () => memory.invalidated(),
      reply: (from, value) => callerOf(from).resolve(value),
      replyError: (from, error) => callerOf(from).reject(error),
      send: (message) => this.#info(message),
      sendAfter: (message, delayMs) => this.#sendAfter(message, delayMs),
      startTask: (run: (signal: AbortSignal) => unknown, tag: unknown, controller?: unknown) =>
        this.#startTask(run, tag, controller instanceof AbortController ? controller : undefined),
      emit: (type, details) => {
        checkEvent(type, details);
        try {
          options.emit(type, details);
        } catch (error) {
          throw uncloneable(`the details of a '${type}' event`, error);
        }
      },
    };
  }

  #sendAfter(message: unknown, delayMs: number): Timer {
    checkDelay(delayMs);
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.remove(entry);
      this.#info(message);
    });
    const entry = this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.remove(entry);
        timer.cancel();
      },
    };
  }

  #startTask(run: (signal: AbortSignal) => unknown, tag: unknown, controller = new AbortController()): Task {
    checkTask(run);
    const entry = this.#tasks.add(controller);
    const deliver = (result: TaskResult): void => {
      // A cancelled task is no longer in the list: its late result is dropped.
      if (this.#tasks.remove(entry)) this.#info(result);
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
        this.#tasks.remove(entry);
        controller.abort();
      },
    };
  }
}
