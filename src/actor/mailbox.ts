/**
 * A queue of messages, handled one at a time in the order in which they came.
 */

/** So many messages are handled in one turn of the event loop; then timers and sockets have theirs. */
const BATCH = 256;

export class Mailbox<Message> {
  readonly #handle: (message: Message) => void;
  #queue: Message[] = [];
  #head = 0;
  #draining = false;
  #closed = false;

  constructor(handle: (message: Message) => void) {
    this.#handle = handle;
  }

  push(message: Message): void {
    if (this.#closed) return;
    this.#queue.push(message);
    if (!this.#draining) this.#drain();
  }

  /** Drops what waits, and what is still to come. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#head = 0;
  }

  #drain(): void {
    this.#draining = true;
    for (let handled = 0; handled < BATCH; handled += 1) {
      if (this.#head === this.#queue.length) {
        this.#queue = [];
        this.#head = 0;
        this.#draining = false;
        return;
      }
      const message = this.#queue[this.#head] as Message;
      this.#head += 1;
      this.#handle(message);
    }
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
    setImmediate(() => this.#drain());
  }
}
