/** A queue of messages, handled one at a time in order of arrival. */

/** How many messages are handled in one turn of the event loop, before timers and sockets. */
const BATCH = 256;
/** How long messages are handled in one turn, in ms. A port delivers a thousand messages and more in one turn. */
const BUSY_MS = 10;
/** The real `setImmediate`: the fake timers of some test runners replace it later. */
const { setImmediate: afterThisTurn } = globalThis;

export class Mailbox<Message> {
  readonly #handle: (message: Message) => void;
  readonly #nowMs: () => number;
  #queue: Message[] = [];
  #head = 0;
  /** When the current run without a pause began, and when its last message ended. */
  #busySinceMs = -Infinity;
  #handledAtMs = -Infinity;
  /** Messages wait until {@link open}: those that arrive during a start are handled after it. */
  #phase: 'shut' | 'idle' | 'draining' | 'closed' = 'shut';

  /** `handle` must not throw. */
  constructor(handle: (message: Message) => void, nowMs = (): number => performance.now()) {
    this.#handle = handle;
    this.#nowMs = nowMs;
  }

  push(message: Message): void {
    if (this.#phase === 'closed') return;
    this.#queue.push(message);
    if (this.#phase === 'idle') this.#drain();
  }

  /** Begins to handle messages: those that have arrived, and all that follow. */
  open(): void {
    if (this.#phase === 'shut') this.#drain();
  }

  /** Drops waiting and future messages. */
  close(): void {
    this.#phase = 'closed';
    this.#queue = [];
    this.#head = 0;
  }

  #drain(): void {
    this.#phase = 'draining';
    const nowMs = this.#nowMs();
    if (nowMs - this.#handledAtMs > BUSY_MS) this.#busySinceMs = nowMs;
    this.#handledAtMs = nowMs;
    for (let handled = 0; handled < BATCH; handled += 1) {
      if (this.#head === this.#queue.length) return this.#rest();
      if (this.#handledAtMs - this.#busySinceMs > BUSY_MS) break;
      const message = this.#queue[this.#head] as Message;
      this.#head += 1;
      this.#handle(message);
      this.#handledAtMs = this.#nowMs();
    }
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
    afterThisTurn(() => this.#drainOn());
  }

  #drainOn(): void {
    this.#busySinceMs = this.#nowMs();
    if (this.#phase === 'draining') this.#drain();
  }

  #rest(): void {
    if (this.#phase === 'closed') return;
    this.#queue = [];
    this.#head = 0;
    this.#phase = 'idle';
  }
}
