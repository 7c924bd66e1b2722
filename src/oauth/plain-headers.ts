/** `Headers` of the Fetch standard, as far as text goes, without what Node loads for its own. */

const lowerCase = (name: string): string => name.toLowerCase();

/** What is not a string becomes one, and loses what HTTP calls space at its ends, which is less than `trim()` does. */
const normalized = (value: unknown): string => String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');

type Init = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

const isIterable = (init: Init): init is Iterable<readonly [string, string]> => Symbol.iterator in init;

export class PlainHeaders implements Iterable<[string, string]> {
  readonly #values = new Map<string, string[]>();

  constructor(init: Init = {}) {
    for (const [name, value] of isIterable(init) ? init : Object.entries(init)) this.append(name, value);
  }

  append(name: string, value: string): void {
    const values = this.#values.get(lowerCase(name));
    if (values === undefined) this.set(name, value);
    else values.push(normalized(value));
  }

  set(name: string, value: string): void {
    this.#values.set(lowerCase(name), [normalized(value)]);
  }

  delete(name: string): void {
    this.#values.delete(lowerCase(name));
  }

  get(name: string): string | null {
    return this.#values.get(lowerCase(name))?.join(', ') ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#values.get('set-cookie') ?? [])];
  }

  has(name: string): boolean {
    return this.#values.has(lowerCase(name));
  }

  forEach(callback: (value: string, name: string, headers: this) => void, thisArg?: unknown): void {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) yield [name, this.get(name)!];
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  /** Of the prototype, where the library looks. */
  // eslint-disable-next-line @typescript-eslint/class-literal-property-style
  get [Symbol.toStringTag](): string {
    return 'Headers';
  }
}
