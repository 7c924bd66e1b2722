/** All that can be seen of values, as texts: in every form in which somebody may print them. */
import { inspect } from 'node:util';

export class Gatherer {
  /** @type {string[]} */
  texts = [];

  /** @param {string} what @param {unknown} value */
  gather(what, value) {
    const forms = [() => JSON.stringify(value), () => String(value), () => Object.entries(value ?? {}).join()];
    const all = { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity };
    forms.push(() => inspect(value, { ...all, getters: false }));
    forms.push(() => inspect({ .../** @type {object} */ (value) }, all));
    if (value instanceof Error)
      forms.push(
        () => `${value.stack}`,
        () => inspect(value.cause, { depth: Infinity }),
      );
    for (const form of forms) {
      try {
        this.texts.push(`${what}: ${form()}`);
      } catch (error) {
        this.texts.push(`${what} has no such form: ${String(error)}`);
      }
    }
  }

  /** What `run` gives, or fails with. @param {string} what @param {() => unknown} run */
  async failing(what, run) {
    try {
      this.gather(`${what} (result)`, await run());
    } catch (error) {
      this.gather(what, error);
    }
  }
}
