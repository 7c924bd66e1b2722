/**
 * A list of pending things: tasks, timers, waits.
 *
 * Not a Set. A small Set gets a new table with nearly each change, and an old table that has reached V8's old heap
 * retains all later tables until the next full collection, which takes hours in a quiet thread.
 */

/** A value's entry in the list. */
export interface Entry<T> {
  readonly value: T;
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;
  present: boolean;
}

/** A list in insertion order, from which any entry can be removed. */
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

  /** Removes an entry; true if it was present. */
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

  /** Removes and returns all values. */
  removeAll(): readonly T[] {
    const values: T[] = [];
    while (this.#first) {
      values.push(this.#first.value);
      this.remove(this.#first);
    }
    return values;
  }
}
