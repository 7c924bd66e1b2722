/**
 * Calls and casts over a dedicated MessagePort: a call by Comlink, a cast as one unanswered message. One port per
 * caller and incarnation, with two counters in shared memory. In one the sender reserves a place in the mailbox, so
 * that it detects a full mailbox at once, without a message; from the other it knows how many casts a dead actor did
 * not handle.
 */
import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { abortError, listenForAbort } from '../core/abort.js';
import { drainPort } from '../core/drain-port.js';
import { TokenvisorError } from '../core/errors.js';
import { CallCount, type CallEndpoint, type Cast, isCast } from './call-endpoint.js';
import { nextTurn } from '../core/next-turn.js';
import { guardedEndpoint } from './guarded-endpoint.js';
import { fromWireError, toWireError, type WireError } from '../core/wire-error.js';

type Envelope = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError };

interface CallService {
  call(message: unknown): Promise<Envelope>;
}

/** The answering side: an actor's server. */
export interface CallServer {
  /** `taken` and `handled` are called when the message leaves the mailbox, and when it has been handled. */
  call(message: unknown, taken: () => void): Promise<unknown>;
  cast(message: unknown, taken: () => void, handled: () => void): void;
}

/** `#<Promise> could not be cloned.` */
const QUOTES_NOTHING = /^(?:#<\w+> could not be cloned\.|Unserializable return value)$/;

/** Comlink's reply if the result can't be cloned. */
const UNSERIALIZABLE = 'Unserializable return value';

/** The actor's side: serves the calls and casts of one port until it closes. */
export const serveCalls = (
  { port, counts }: CallEndpoint,
  server: CallServer,
  onStrange: (message: unknown) => void = () => undefined,
): void => {
  const words = new Int32Array(counts);
  const taken = (): void => void Atomics.sub(words, CallCount.RESERVED, 1);
  const handled = (): void => void Atomics.add(words, CallCount.CASTS_HANDLED, 1);
  const service: CallService = {
    call: (message) =>
      server.call(message, taken).then(
        (value): Envelope => ({ ok: true, value }),
        (error: unknown): Envelope => ({ ok: false, error: toWireError(error) }),
      ),
  };
  const beside = (data: unknown): void => {
    if (isCast(data)) server.cast(data.message, taken, handled);
    else onStrange(data);
  };
  Comlink.expose(service, guardedEndpoint(port, ['call'], beside));
};

/** Options of `call()`. */
export interface CallOptions {
  /**
   * How long to wait for the answer: ms, 0 to 2^31 - 1; then the call rejects with CALL_TIMEOUT. The default is that of
   * OTP's GenServer.call.
   * @default 5_000
   */
  readonly timeoutMs?: number;
  /** Cancels the wait: the call rejects with ABORTED. The actor may have taken the message, and continues. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/** The caller's side. Lives as long as the incarnation at the other end. */
export class CallPort {
  readonly #child: string;
  readonly #port: MessagePort;
  readonly #counts: Int32Array;
  readonly #mailboxLimit: number;
  readonly #castLost: (error: TokenvisorError) => void;
  /**
   * Kept as long as the port: an unreferenced proxy may be collected in mid-call. The method's proxy is kept because
   * Comlink makes a new one at each access.
   */
  readonly #ask: Comlink.Remote<CallService>['call'];
  readonly #pending = new Set<(error: Error) => void>();
  /** Resolves when the port has closed, and every call is settled. */
  readonly down: Promise<void>;
  /** How many casts were sent. */
  #casts = 0;
  #closed = false;

  /** `castLost` is called for each cast that was sent, and not handled before the port closed. */
  constructor(child: string, { port, counts, mailboxLimit }: CallEndpoint, castLost: (error: TokenvisorError) => void) {
    this.#child = child;
    this.#port = port;
    this.#counts = new Int32Array(counts);
    this.#mailboxLimit = mailboxLimit;
    this.#castLost = castLost;
    this.#ask = Comlink.wrap<CallService>(port).call;
    this.down = new Promise((resolve) => {
      port.once('close', () => {
        this.#down();
        resolve();
      });
    });
    port.unref();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a message and waits for the answer. The process is held open until then. */
  call(message: unknown, { timeoutMs = DEFAULT_CALL_TIMEOUT_MS, signal }: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError('call', signal));
        return;
      }
      this.#reserve();
      const settle = (finish: () => void): void => {
        if (!this.#pending.delete(fail)) return;
        clearTimeout(timer);
        unlisten();
        finish();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      const unlisten = listenForAbort(signal, () => fail(abortError('call', signal)));
      // Two turns later: after this thread was blocked, an answer is received in the first turn, and the `close` event
      // of a dead actor's port comes at the end of it.
      const timeOut = (): void => fail(callTimeout(this.#child, timeoutMs));
      const timer = setTimeout(() => void nextTurn().then(nextTurn).then(timeOut), timeoutMs);
      this.#pending.add(fail);
      const uncloneable = (error: unknown): void => fail(this.#uncloneable(error));
      try {
        this.#ask(message).then(
          (envelope) =>
            settle(() =>
              envelope.ok ? resolve(envelope.value) : reject(fromWireError(envelope.error, 'CALL_FAILED')),
            ),
          uncloneable,
        );
      } catch (error) {
        // A message that throws when read (a proxy) does so here, before a place is reserved that would be lost.
        uncloneable(error);
      }
    });
  }

  /**
   * Sends a message without waiting. Throws if it can't be sent; whether it was handled is known when the port closes.
   */
  cast(message: unknown): void {
    this.#reserve();
    try {
      this.#port.postMessage({ kind: 'cast', message } satisfies Cast);
    } catch (error) {
      throw this.#notSent(error);
    }
    // Counted after the send: a failed send has been reported already. If a getter of the message closes the port
    // meanwhile, the cast counts as sent, and is reported as lost.
    this.#casts += 1;
  }

  /** Stops sending. Answers that have already arrived still count; other calls reject. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    drainPort(this.#port, (data) => this.#port.dispatchEvent(new MessageEvent('message', { data })));
    this.#port.close();
  }

  #reserve(): void {
    if (this.#closed) throw noProc(this.#child);
    if (Atomics.add(this.#counts, CallCount.RESERVED, 1) < this.#mailboxLimit) return;
    Atomics.sub(this.#counts, CallCount.RESERVED, 1);
    throw new TokenvisorError(
      'MAILBOX_FULL',
      `${this.#mailboxLimit} messages wait for '${this.#child}' already: slow down, or raise its mailboxLimit`,
      { child: this.#child },
    );
  }

  /** Handles a call whose message or answer could not be cloned. */
  #uncloneable(thrown: unknown): TokenvisorError {
    if (toWireError(thrown).message !== UNSERIALIZABLE) return this.#notSent(thrown);
    return this.#notCloneable(`The answer of '${this.#child}'`, UNSERIALIZABLE);
  }

  /**
   * Releases the reserved place of a message that was not sent. The error need not be a DataCloneError: a getter may
   * have thrown.
   */
  #notSent(thrown: unknown): TokenvisorError {
    Atomics.sub(this.#counts, CallCount.RESERVED, 1);
    return this.#notCloneable(`A message to '${this.#child}'`, toWireError(thrown).message);
  }

  #notCloneable(what: string, message: string): TokenvisorError {
    // The error quotes the source of a function and the text of a symbol: either may hold a secret.
    const why = QUOTES_NOTHING.test(message)
      ? message
      : 'it contains a value that can not be cloned: a function, a symbol, a proxy';
    return new TokenvisorError('NOT_CLONEABLE', `${what} can't cross to another thread: ${why}`, {
      child: this.#child,
    });
  }

  #down(): void {
    this.#closed = true;
    for (const fail of [...this.#pending]) {
      fail(new TokenvisorError('ACTOR_DOWN', `'${this.#child}' died during the call`, { child: this.#child }));
    }
    for (let lost = this.#lost(); lost > 0; lost -= 1) {
      this.#castLost(
        new TokenvisorError('ACTOR_DOWN', `'${this.#child}' died before a cast was handled`, { child: this.#child }),
      );
    }
  }

  /**
   * How many casts were sent and not handled: called once, when the port has closed, so each is counted once. Each
   * counter has one writer and only grows, so the count is right wherever the actor died:
   *
   *     in transit, or in the port of the dead thread     sent, not handled: lost
   *     in the mailbox, or dropped by an actor that ended sent, not handled: lost
   *     in its handler, when the thread is killed         sent, may be handled: counted as lost
   *     handled, or its handler threw                     handled
   *
   * A dead thread has closed its ports after its last line of code, so its count is final. A zombie's port is closed on
   * this side: casts that it handles later are reported as lost.
   *
   * The counts are compared as 32-bit words; if another program part has overwritten them, the result is at most the
   * number sent.
   */
  #lost(): number {
    const unhandled = (this.#casts - Atomics.load(this.#counts, CallCount.CASTS_HANDLED)) | 0;
    return Math.min(this.#casts, Math.max(0, unhandled));
  }
}

export const callTimeout = (child: string, timeoutMs: number): TokenvisorError =>
  new TokenvisorError('CALL_TIMEOUT', `'${child}' did not answer a call within ${timeoutMs} ms`, { child });

export const noProc = (child: string): TokenvisorError =>
  new TokenvisorError('NO_PROC', `There is no actor for '${child}' now: it is restarting, parked or stopped`, {
    child,
  });
