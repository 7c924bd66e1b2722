/**
 * What is under way: tasks, timers, waits.
 *
 * Not a Set. A small Set gets a new table with nearly each change, and an old table that has reached V8's old heap keeps
 * all tables after it there until the next full collection, which a quiet thread sees once in hours.
 */

/** The place of one value in the list. */
export interface Entry<T> {
  readonly value: T;
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;
  present: boolean;
}

/** A list of which any entry can be taken out, in the order in which they were added. */
export class UnderWay<T> {
  #first: Entry<T> | undefined;
  #last: Entry<T> | undefined;

  add(value: T): Entry<T> {
    const entry: Entry<T> = { value, previous: this.#last, next: undefined, present: true };
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    return entry;
  }

  /** True if it was there. */
  remove(entry: Entry<T>): boolean {
    if (!entry.present) return false;
    const { previous, next } = entry;
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    // A removed entry that is still referenced must not retain the ones after it.
    entry.previous = undefined;
    entry.next = undefined;
    entry.present = false;
    return true;
  }

  /** Takes all out. */
  removeAll(): readonly T[] {
    const values: T[] = [];
    while (this.#first) {
      values.push(this.#first.value);
      this.remove(this.#first);
    }
    return values;
  }
}
