/**
 * Calls and casts over a MessagePort of their own: a call by Comlink, a cast as one message beside it, which nobody
 * answers. One port per caller and incarnation; with it come counters in shared memory. In one the sender reserves a place
 * in the mailbox, so that a full mailbox is seen by the sender, at once, without a message; by the other it knows how many
 * casts an actor that died has left.
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

/** Who answers: an actor's server. */
export interface CallServer {
  /** `taken` and `handled` are called when the message leaves the mailbox, and when it has been dealt with. */
  call(message: unknown, taken: () => void): Promise<unknown>;
  cast(message: unknown, taken: () => void, handled: () => void): void;
}

/** `#<Promise> could not be cloned.` */
const QUOTES_NOTHING = /^(?:#<\w+> could not be cloned\.|Unserializable return value)$/;

/** What Comlink answers in place of an answer that can't be cloned. */
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
  /** Gives up the wait: the call rejects with ABORTED. The actor may have taken the message, and goes on. */
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
   * Held for as long as the port: a proxy that nobody holds may be collected in mid-call. And the one of the method, since
   * Comlink makes another at each look at it.
   */
  readonly #ask: Comlink.Remote<CallService>['call'];
  readonly #pending = new Set<(error: Error) => void>();
  /** Resolves when the port has closed, and every call is settled. */
  readonly down: Promise<void>;
  /** How many casts were sent. */
  #casts = 0;
  #closed = false;

  /** `castLost` is told of each cast that was sent, and not handled before the port closed. */
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

  /** Sends a message and waits for the answer. The process is held open until it is there. */
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
      // Two turns later: after a block of this thread, an answer is received in the first turn, and the `close` event of a
      // port whose actor has died comes at the end of it.
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
        // A message that throws where it is looked at (a proxy) does so at once, and its place would be lost.
        uncloneable(error);
      }
    });
  }

  /** Sends a message and waits for nothing. Throws if it can't be sent; whether it was handled is known at the end. */
  cast(message: unknown): void {
    this.#reserve();
    try {
      this.#port.postMessage({ kind: 'cast', message } satisfies Cast);
    } catch (error) {
      throw this.#notSent(error);
    }
    // Not before: what was not sent has been told of. On a port that is closed meanwhile (by a getter of the message) it
    // counts as sent, and is told of as lost.
    this.#casts += 1;
  }

  /** Nothing more is sent. Answers that are here and have not had their turn still count; other calls reject. */
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

  /** The message of a call did not cross, or its answer did not. */
  #uncloneable(thrown: unknown): TokenvisorError {
    if (toWireError(thrown).message !== UNSERIALIZABLE) return this.#notSent(thrown);
    return this.#notCloneable(`The answer of '${this.#child}'`, UNSERIALIZABLE);
  }

  /** A message that was not sent is in no mailbox. It need not be a DataCloneError: a getter may have thrown. */
  #notSent(thrown: unknown): TokenvisorError {
    Atomics.sub(this.#counts, CallCount.RESERVED, 1);
    return this.#notCloneable(`A message to '${this.#child}'`, toWireError(thrown).message);
  }

  #notCloneable(what: string, message: string): TokenvisorError {
    // Of a function it quotes the source, of a symbol the text: somebody's secret may be in either.
    const why = QUOTES_NOTHING.test(message)
      ? message
      : 'it holds what can not be cloned: a function, a symbol, a proxy';
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
   * How many casts were sent and not handled: asked once, when the port has closed, and so each is counted once. Each
   * number has one writer, and only ever grows, so there is no moment at which a death leaves them apart:
   *
   *     on its way, or in the port of the dead thread     sent, not handled: lost
   *     in the mailbox, or dropped by one that has ended  sent, not handled: lost
   *     in its handler, when the thread is killed         sent, not handled: lost, for all that anybody can know
   *     handled, or its handler threw                     handled
   *
   * A thread that died has closed its ports after its last line of code: what it has counted is all there. From a zombie,
   * whose port is closed on this side, it is what it has handled so far; what it does later is told as lost.
   *
   * They are compared as the 32 bits that one of them has; what somebody who is not ours has written there makes it no
   * more than were sent.
   */
  #lost(): number {
    const unhandled = (this.#casts - Atomics.load(this.#counts, CallCount.CASTS_HANDLED)) | 0;
    return Math.min(this.#casts, Math.max(0, unhandled));
  }
}

export const callTimeout = (child: string, timeoutMs: number): TokenvisorError =>
  new TokenvisorError('CALL_TIMEOUT', `'${child}' did not answer a call within ${timeoutMs} ms`, { child });

export const noProc = (child: string): TokenvisorError =>
  new TokenvisorError('NO_PROC', `There is no actor behind '${child}' now: it is restarting, parked or stopped`, {
    child,
  });
