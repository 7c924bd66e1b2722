/** Measures the time in which this thread was kept from running, by a timer that should fire every `everyMs`. */
export class LostTime {
  readonly #everyMs: number;
  #lookedMs: number;
  #lostMs = 0;

  /** `nowMs` is monotonic, here and below. */
  constructor(everyMs: number, nowMs: number) {
    this.#everyMs = everyMs;
    this.#lookedMs = nowMs;
  }

  /** Called when the timer fires. */
  look(nowMs: number): void {
    this.#lostMs = this.at(nowMs);
    this.#lookedMs = nowMs;
  }

  /** The total up to now: an overdue timer counts already. Never shrinks. */
  at(nowMs: number): number {
    const lateMs = nowMs - this.#lookedMs - this.#everyMs;
    return this.#lostMs + (lateMs > this.#everyMs / 2 ? lateMs : 0);
  }
}
