/**
 * Calls and casts over a MessagePort of their own, by Comlink. One port per caller and incarnation; with it comes a
 * counter in shared memory in which the sender reserves a place in the mailbox, so that a full mailbox is seen by the
 * sender, at once, without a message.
 */
import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { abortError, listenForAbort } from '../abort.js';
import { drainPort } from '../drain-port.js';
import { TokenvisorError } from '../errors.js';
import type { GenServer } from './gen-server.js';
import { guardedEndpoint } from './guarded-endpoint.js';
import { fromWireError, toWireError, type WireError } from './wire.js';

/** What a port brings with it. */
export interface CallEndpoint {
  readonly port: MessagePort;
  /** One word: how many messages of this port are on their way or in the mailbox. */
  readonly reserved: SharedArrayBuffer;
  readonly mailboxLimit: number;
}

type Envelope = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError };

interface CallService {
  call(message: unknown): Promise<Envelope>;
  cast(message: unknown): void;
}

/** `#<Promise> could not be cloned.` */
const QUOTES_NOTHING = /^(?:#<\w+> could not be cloned\.|Unserializable return value)$/;

/** What Comlink answers in place of an answer that can't be cloned. */
const UNSERIALIZABLE = 'Unserializable return value';

/** The actor's side: serves the calls and casts of one port until it closes. */
export const serveCalls = (
  { port, reserved }: CallEndpoint,
  server: GenServer,
  onStrange?: (message: unknown) => void,
): void => {
  const counter = new Int32Array(reserved);
  const taken = (): void => void Atomics.sub(counter, 0, 1);
  const service: CallService = {
    call: (message) =>
      server.call(message, taken).then(
        (value): Envelope => ({ ok: true, value }),
        (error: unknown): Envelope => ({ ok: false, error: toWireError(error) }),
      ),
    cast: (message) => server.cast(message, taken),
  };
  Comlink.expose(service, guardedEndpoint(port, ['call', 'cast'], onStrange));
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
  readonly #counter: Int32Array;
  readonly #mailboxLimit: number;
  /** Held for as long as the port: a proxy that nobody holds may be collected in mid-call. */
  readonly #service: Comlink.Remote<CallService>;
  readonly #pending = new Set<(error: Error) => void>();
  /** Resolves when the port has closed, and every call is settled. */
  readonly down: Promise<void>;
  #closed = false;

  constructor(child: string, { port, reserved, mailboxLimit }: CallEndpoint) {
    this.#child = child;
    this.#port = port;
    this.#counter = new Int32Array(reserved);
    this.#mailboxLimit = mailboxLimit;
    this.#service = Comlink.wrap<CallService>(port);
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
      const timer = setTimeout(() => fail(callTimeout(this.#child, timeoutMs)), timeoutMs);
      this.#pending.add(fail);
      this.#sent<Envelope>(() => this.#service.call(message)).then(
        (envelope) =>
          settle(() => (envelope.ok ? resolve(envelope.value) : reject(fromWireError(envelope.error, 'CALL_FAILED')))),
        (error: unknown) => {
          fail(this.#uncloneable(error));
        },
      );
    });
  }

  /** Sends a message and waits for nothing. Rejects, or throws, if it does not arrive. */
  cast(message: unknown): Promise<void> {
    this.#reserve();
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        if (this.#pending.delete(fail)) reject(error);
      };
      this.#pending.add(fail);
      this.#sent(() => this.#service.cast(message)).then(
        () => {
          this.#pending.delete(fail);
          resolve();
        },
        (error: unknown) => fail(this.#uncloneable(error)),
      );
    });
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
    if (Atomics.add(this.#counter, 0, 1) < this.#mailboxLimit) return;
    Atomics.sub(this.#counter, 0, 1);
    throw new TokenvisorError(
      'MAILBOX_FULL',
      `${this.#mailboxLimit} messages wait for '${this.#child}' already: slow down, or raise its mailboxLimit`,
      { child: this.#child },
    );
  }

  /** A message that throws where it is looked at (a proxy) does so at once, and its place in the mailbox would be lost. */
  async #sent<T>(send: () => PromiseLike<T>): Promise<T> {
    return send();
  }

  /** The message did not cross: a value that can't be cloned, or an answer that can't. */
  #uncloneable(thrown: unknown): TokenvisorError {
    const { message } = toWireError(thrown);
    const isAnswer = message === UNSERIALIZABLE;
    // Of a function it quotes the source, of a symbol the text: somebody's secret may be in either.
    const why = QUOTES_NOTHING.test(message)
      ? message
      : 'it holds what can not be cloned: a function, a symbol, a proxy';
    // A message that was not sent is in no mailbox. It need not be a DataCloneError: a getter may have thrown.
    if (!isAnswer) Atomics.sub(this.#counter, 0, 1);
    const what = isAnswer ? `The answer of '${this.#child}' can't cross` : `A message to '${this.#child}' can't cross`;
    return new TokenvisorError('NOT_CLONEABLE', `${what} to another thread: ${why}`, { child: this.#child });
  }

  #down(): void {
    this.#closed = true;
    for (const fail of [...this.#pending]) {
      fail(new TokenvisorError('ACTOR_DOWN', `'${this.#child}' died during the call`, { child: this.#child }));
    }
  }
}

export const callTimeout = (child: string, timeoutMs: number): TokenvisorError =>
  new TokenvisorError('CALL_TIMEOUT', `'${child}' did not answer a call within ${timeoutMs} ms`, { child });

export const noProc = (child: string): TokenvisorError =>
  new TokenvisorError('NO_PROC', `There is no actor behind '${child}' now: it is restarting, parked or stopped`, {
    child,
  });
