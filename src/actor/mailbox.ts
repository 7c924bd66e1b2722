/**
 * A queue of messages, handled one at a time in the order in which they came.
 */

/** So many messages are handled in one turn of the event loop; then timers and sockets have theirs. */
const BATCH = 256;
/** Nor does it go on for longer than this, in ms. A port hands over a thousand messages and more in one turn. */
const BUSY_MS = 10;
/** The real one: the fake timers of some test runners replace it later. */
const { setImmediate: afterThisTurn } = globalThis;

export class Mailbox<Message> {
  readonly #handle: (message: Message) => void;
  readonly #nowMs: () => number;
  #queue: Message[] = [];
  #head = 0;
  /** What was handled without a pause began, and ended, then. */
  #busySinceMs = -Infinity;
  #handledAtMs = -Infinity;
  /** Messages wait until {@link open}: what comes during a start comes after it. */
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

  /** Begins to handle messages: those that have come already, and all that follow. */
  open(): void {
    if (this.#phase === 'shut') this.#drain();
  }

  /** Drops what waits, and what is still to come. */
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
