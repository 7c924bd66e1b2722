/**
 * Watches a heartbeat word: silent for too long means hung.
 *
 * Silence is counted in turns of the watcher, each worth no more than it should have taken: a watcher that was itself
 * kept from running (a busy machine, a suspend) has not seen silence.
 */
export class HeartbeatWatch {
  readonly incarnation: number;
  readonly #read: () => number;
  readonly #timeoutMs: number;
  #tick: number;
  #silentMs = 0;

  constructor(incarnation: number, read: () => number, timeoutMs: number) {
    this.incarnation = incarnation;
    this.#read = read;
    this.#timeoutMs = timeoutMs;
    this.#tick = read();
  }

  /** True if the word has not moved for the whole time-out; `elapsedMs` is since the last look. */
  silent(elapsedMs: number): boolean {
    const tick = this.#read();
    if (tick === this.#tick) {
      this.#silentMs += elapsedMs;
    } else {
      this.#tick = tick;
      this.#silentMs = 0;
    }
    return this.#silentMs >= this.#timeoutMs;
  }
}
