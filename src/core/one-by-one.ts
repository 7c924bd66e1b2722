/**
 * Work that must not overlap.
 */

/** Runs work with the same key one after the other, in the order of arrival; other keys do not wait for it. */
export class OneByOne {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const running = before.catch(() => undefined).then(work);
    this.#last.set(key, running);
    const over = (): void => {
      if (this.#last.get(key) === running) this.#last.delete(key);
    };
    running.then(over, over);
    return running;
  }
}
