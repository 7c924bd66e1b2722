/** Sources of verification keys: keys that are loaded are returned synchronously, only a fetch is a promise. */
import type { Clock, Instant } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import type { VerificationKey } from './verification-key.js';

export type Keys = readonly VerificationKey[];

export interface KeySource {
  /** The current keys; undefined if they have to be fetched first. @throws KEYS_UNAVAILABLE */
  current(): Keys | undefined;
  /** Fetches the keys. Rejects with KEYS_UNAVAILABLE. */
  load(): Promise<Keys>;
  /**
   * Called when a token could not be checked with the current keys. Returns newer keys, if any; undefined if the source
   * was checked a moment ago. @throws KEYS_UNAVAILABLE, or rejects with it
   */
  newer(why: 'unknown_key' | 'signature'): Keys | Promise<Keys> | undefined;
  /** Ends pending fetches. */
  close(): void;
}

export const keysUnavailable = (message: string, cause?: unknown): TokenvisorError =>
  new TokenvisorError('KEYS_UNAVAILABLE', message, cause === undefined ? {} : { cause });

/**
 * The time since an instant, in ms: the larger of two clocks, because one can be set back, and the other stops in a
 * suspend.
 */
export const elapsedMs = (clock: Clock, since: Instant): number => {
  const { wallMs, monoMs } = clock.now();
  return Math.max(wallMs - since.wallMs, monoMs - since.monoMs);
};

/** Keys that never change. */
export class FixedKeys implements KeySource {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  current(): Keys {
    return this.#keys;
  }

  load(): Promise<Keys> {
    return Promise.resolve(this.#keys);
  }

  newer(): undefined {
    return undefined;
  }

  close(): void {}
}
