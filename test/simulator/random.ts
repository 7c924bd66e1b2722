/**
 * What is drawn from a seed: the same seed, the same draws. Each draw has a name, so that a world can be kept as what was
 * drawn in it, and runs again when the code draws more, less, or in another order.
 */
import { mulberry32 } from '../support/mulberry32.mjs';

/** A number, one of a list of strings, or 1 for what a chance has brought about. */
export type Drawn = number | string;

/** What was drawn in a world, by name, in order. */
export type Draws = Readonly<Record<string, readonly Drawn[]>>;

/** The draws of one world. Those that were recorded come first, each under its name; then the seed's. */
export class DrawLog {
  readonly #recorded: Draws;
  readonly #drawn = new Map<string, Drawn[]>();
  /** How many were none of the recorded ones. */
  anew = 0;

  constructor(recorded: Draws = {}) {
    this.#recorded = recorded;
  }

  take<Value extends Drawn>(name: string, ofSeed: Value, fits: (value: Drawn) => boolean): Value {
    const drawn = this.#drawn.get(name) ?? [];
    this.#drawn.set(name, drawn);
    const recorded = this.#recorded[name]?.[drawn.length];
    const isRecorded = recorded !== undefined && fits(recorded);
    if (!isRecorded) this.anew += 1;
    const value = isRecorded ? (recorded as Value) : ofSeed;
    drawn.push(value);
    return value;
  }

  get draws(): Draws {
    return Object.fromEntries(this.#drawn);
  }

  /** How many of the recorded ones were not asked for. */
  get left(): number {
    const leftOf = ([name, { length }]: [string, readonly Drawn[]]): number =>
      Math.max(0, length - (this.#drawn.get(name)?.length ?? 0));
    return Object.entries(this.#recorded).reduce((sum, entry) => sum + leftOf(entry), 0);
  }
}

const isNumber = (value: Drawn): value is number => typeof value === 'number';
const isString = (value: unknown): value is string => typeof value === 'string';

export class Random {
  readonly #generate: () => number;
  readonly #log: DrawLog;
  readonly #path: string;

  constructor(seed: number, log = new DrawLog(), path = '') {
    this.#generate = mulberry32(Math.imul(seed, 0x9e3779b1) ^ (seed >>> 16));
    this.#log = log;
    this.#path = path;
  }

  /** A source of its own: what is drawn from it changes nothing of what is drawn here. */
  fork(name: string): Random {
    return new Random(Math.floor(this.#generate() * 2 ** 32), this.#log, `${this.#path}${name}: `);
  }

  /** A number in [0, 1). */
  next(name: string): number {
    return this.#take(name, this.#generate(), (value) => isNumber(value) && value >= 0 && value < 1);
  }

  /** A whole number, both ends included. */
  int(name: string, min: number, max: number): number {
    return this.#take(name, min + Math.floor(this.#generate() * (max - min + 1)), isNumber);
  }

  /** The same, but each order of magnitude is as likely as the next. */
  spread(name: string, min: number, max: number): number {
    const drawn = Math.floor(Math.exp(Math.log(min + 1) + this.#generate() * Math.log((max + 1) / (min + 1)))) - 1;
    return this.#take(name, drawn, isNumber);
  }

  chance(name: string, share: number): boolean {
    return this.#take(name, this.#generate() < share ? 1 : 0, isNumber) === 1;
  }

  /** One of a list: kept as itself if all are strings, so that the list may grow, else by its place. */
  pick<T>(name: string, list: readonly T[]): T {
    const place = Math.floor(this.#generate() * list.length);
    const texts: readonly unknown[] = list;
    if (texts.every(isString)) {
      return this.#take<string>(name, texts[place]!, (value) => texts.some((text) => text === value)) as T & string;
    }
    return list[this.#take(name, place, (value) => isNumber(value) && value in list)]!;
  }

  /** One of the keys, each as often as its weight says. */
  weighted<Key extends string>(name: string, weights: Readonly<Record<Key, number>>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    let left = this.#generate() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    const [key] = entries.find(([, weight]) => (left -= weight) < 0) ?? entries.at(-1)!;
    return this.#take(name, key, (value) => value in weights);
  }

  #take<Value extends Drawn>(name: string, ofSeed: Value, fits: (value: Drawn) => boolean): Value {
    return this.#log.take(this.#path + name, ofSeed, fits);
  }
}
