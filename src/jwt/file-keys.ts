/** Keys in a file: its contents are looked at again, and only parsed when they are others. */
import type { Clock, Instant } from '../core/clock.js';
import type { TokenvisorError } from '../core/errors.js';
import { elapsedMs, keysUnavailable, type Keys, type KeySource } from './key-source.js';

export interface FileKeysOptions {
  readonly clock: Clock;
  /** What it is, for messages: `The JWK set in /etc/keys.json`. */
  readonly what: string;
  readonly read: () => string;
  /** Undefined for a text that has no keys in it. */
  readonly parse: (text: string) => Keys | undefined;
  readonly staleMs: number;
}

/** The file is read at most so often; at once for a token that its keys do not fit. */
const LOOK_MS = 1_000;

export class FileKeys implements KeySource {
  readonly #options: FileKeysOptions;
  #text: string | undefined;
  #keys: Keys | undefined;
  #failure: TokenvisorError | undefined;
  /** When the file was last read, and when that went well. */
  #lookedMonoMs = -Infinity;
  #goodAt: Instant | undefined;

  constructor(options: FileKeysOptions) {
    this.#options = options;
  }

  current(): Keys {
    if (this.#options.clock.monoMs() - this.#lookedMonoMs >= LOOK_MS) this.#look();
    return this.#usable();
  }

  load(): Promise<Keys> {
    return new Promise((resolve) => resolve(this.current()));
  }

  newer(): Keys | undefined {
    const before = this.#keys;
    this.#look();
    return this.#keys === before ? undefined : this.#usable();
  }

  close(): void {}

  #usable(): Keys {
    const { clock, staleMs } = this.#options;
    const isGood = !this.#failure || (this.#goodAt && elapsedMs(clock, this.#goodAt) < staleMs);
    if (this.#keys && isGood) return this.#keys;
    throw this.#failure!;
  }

  #look(): void {
    const { clock, what, read, parse } = this.#options;
    this.#lookedMonoMs = clock.monoMs();
    try {
      const text = read();
      if (text !== this.#text) {
        const keys = parse(text);
        if (!keys) throw keysUnavailable(`${what} can't be used: it is not what it should be`);
        this.#text = text;
        this.#keys = keys;
      }
      this.#failure = undefined;
      this.#goodAt = clock.now();
    } catch (error) {
      const isOurs = (error as TokenvisorError).code === 'KEYS_UNAVAILABLE';
      // Kept beside the keys: a file that is being replaced may not be there, or not whole, for a moment.
      this.#failure = isOurs ? (error as TokenvisorError) : keysUnavailable(`${what} can't be read`, error);
    }
  }
}
