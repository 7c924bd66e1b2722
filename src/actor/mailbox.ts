/**
 * A queue of messages, handled one at a time in the order in which they came.
 */

/** So many messages are handled in one turn of the event loop; then timers and sockets have theirs. */
const BATCH = 256;

export class Mailbox<Message> {
  readonly #handle: (message: Message) => void;
  #queue: Message[] = [];
  #head = 0;
  /** Messages wait until {@link open}: what comes during a start comes after it. */
  #phase: 'shut' | 'idle' | 'draining' | 'closed' = 'shut';

  /** `handle` must not throw. */
  constructor(handle: (message: Message) => void) {
    this.#handle = handle;
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
    for (let handled = 0; handled < BATCH; handled += 1) {
      if (this.#head === this.#queue.length) return this.#rest();
      const message = this.#queue[this.#head] as Message;
      this.#head += 1;
      this.#handle(message);
    }
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
    setImmediate(() => this.#drainOn());
  }

  #drainOn(): void {
    if (this.#phase === 'draining') this.#drain();
  }

  #rest(): void {
    if (this.#phase === 'closed') return;
    this.#queue = [];
    this.#head = 0;
    this.#phase = 'idle';
  }
}
