/** Keys in a file: its contents are read again, and parsed only if they have changed. */
import type { Clock, Instant } from '../core/clock.js';
import type { TokenvisorError } from '../core/errors.js';
import { elapsedMs, keysUnavailable, type Keys, type KeySource } from './key-source.js';

export interface FileKeysOptions {
  readonly clock: Clock;
  /** The name of the keys in messages: `The JWK set in /etc/keys.json`. */
  readonly what: string;
  readonly read: () => string;
  /** Returns undefined for a text without keys. */
  readonly parse: (text: string) => Keys | undefined;
  readonly staleMs: number;
}

/**
 * The least interval between two reads: ms. A token that no key fits is checked against the file at most this often.
 */
const LOOK_MS = 1_000;

export class FileKeys implements KeySource {
  readonly #options: FileKeysOptions;
  #text: string | undefined;
  #keys: Keys | undefined;
  #failure: TokenvisorError | undefined;
  /** When the file was last read, and last read successfully. */
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
        if (!keys) throw keysUnavailable(`${what} can't be used: its contents are invalid`);
        this.#text = text;
        this.#keys = keys;
      }
      this.#failure = undefined;
      this.#goodAt = clock.now();
    } catch (error) {
      const isOurs = (error as TokenvisorError).code === 'KEYS_UNAVAILABLE';
      // The keys are kept too: a file that is being replaced may be missing or incomplete for a moment.
      this.#failure = isOurs ? (error as TokenvisorError) : keysUnavailable(`${what} can't be read`, error);
    }
  }
}
