/** Looks up a break-glass token in any thread: shared memory only, no message, no lock. */
import { ActorReader } from '../actor/reader.js';
import { readChildStatus, type ChildStatus, type Health } from '../../supervision/child-status.js';
import { parsedJson } from '../../memory/json.js';
import { openWords } from '../../memory/child-memory.js';
import { Header, SNAPSHOT } from '../../memory/layout.js';
import { readRecord } from '../../memory/record.js';
import { wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle } from '../../messaging/transferable.js';
import { GlassWord, isDigestOf, type GlassRecord } from './break-glass-record.js';

/** The result of a successful lookup. */
export interface FoundToken {
  /** When the token was made: ms since the Unix epoch (UTC). */
  readonly insertedAtMs: number;
}

/** The `status()` of a break-glass token: it shows nothing of the token. */
export interface BreakGlassStatus extends ChildStatus {
  /** The current token, if there is one: when it was made, and when it expires (`Infinity` for never). */
  readonly stored?: { readonly insertedAtMs: number; readonly expiresAtMs: number };
  /** How many lookups have matched the token, in all threads since the start: 32 bits, wrapping to 0. */
  readonly matches: number;
  /** How many have not. */
  readonly misses: number;
}

const decoder = new TextDecoder();
/** A value that no digest has. Compared if there is no token, so that a lookup takes as long. */
const NO_DIGEST = Buffer.alloc(32);
const OWN = Header.OWN;

/**
 * A break-glass token, read from any thread: the result of `attach()`, and the base of its handle. It uses shared
 * memory alone, so it works while the actor is dead or the main thread is blocked.
 */
export class BreakGlassReader {
  /** The child's name. */
  readonly name: string;
  readonly #actor: ActorReader;
  /** The words, for access without a call. */
  readonly #view: Int32Array;
  readonly #words: AtomicWords;
  readonly #nowMs: () => number;
  /**
   * The control word under which the fields below are valid; 0 means no token, as in a record that was never written.
   */
  #control = 0;
  #digest = NO_DIGEST;
  #clears = 0;
  /** 0 if there is no token: always expired. */
  #expiresAtMs = 0;
  #found: FoundToken | undefined;

  /** @internal Use attach(). */
  constructor({ name, memory }: SharedChild) {
    this.name = name;
    this.#actor = new ActorReader({ name, memory });
    this.#words = openWords(memory);
    this.#view = this.#words.view;
    this.#nowMs = wallClockOf(this.#words);
  }

  /**
   * Returns the token's data if the given one matches; undefined if it does not, or if there is none. Synchronous,
   * lock-free, no message. Its duration reveals nothing of the token: digests are compared, in constant time. Each
   * lookup is counted.
   *
   * @example
   * const isEmergency = door.lookup(password) !== undefined;
   */
  lookup(token: string): FoundToken | undefined {
    if (Atomics.load(this.#view, Header.SNAPSHOT_CONTROL) !== this.#control) this.#decode();
    const found = this.#compare(token) && this.#isGood() ? this.#found : undefined;
    Atomics.add(this.#view, OWN + (found ? GlassWord.MATCHES : GlassWord.MISSES), 1);
    return found;
  }

  /** The child's status, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): BreakGlassStatus {
    this.#decode();
    return {
      ...readChildStatus(this.name, this.#words),
      ...(this.#isGood() && { stored: { ...this.#found!, expiresAtMs: this.#expiresAtMs } }),
      matches: this.#words.load(OWN + GlassWord.MATCHES) >>> 0,
      misses: this.#words.load(OWN + GlassWord.MISSES) >>> 0,
    };
  }

  /** Plain data to post to another thread, which can look the token up after `attach()`. */
  handle(): TransferableHandle<'breakGlass'> {
    return { tokenvisor: 1, kind: 'breakGlass', name: this.name, memory: this.#view.buffer as SharedArrayBuffer };
  }

  /** @internal */
  health(): Health {
    return this.#actor.health();
  }

  /** @internal */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return this.#actor.changeWord();
  }

  /** @internal */
  isReady(): boolean {
    return this.#actor.isReady();
  }

  #compare(token: unknown): boolean {
    const given: unknown = token;
    return isDigestOf(this.#digest, typeof given === 'string' ? given : '');
  }

  #isGood(): boolean {
    return Atomics.load(this.#view, OWN + GlassWord.CLEARS) === this.#clears && this.#nowMs() < this.#expiresAtMs;
  }

  /** Decodes the current record: once per token. */
  #decode(): void {
    const record = readRecord(this.#words, SNAPSHOT);
    // If the record changed during every attempt, it is not trusted, and the next lookup reads it again.
    this.#control = record.control ?? 0;
    const glass = record.payload && (parsedJson(decoder.decode(record.payload)) as Partial<GlassRecord> | undefined);
    if (!record.payload || typeof glass?.digest !== 'string') {
      this.#digest = NO_DIGEST;
      this.#expiresAtMs = 0;
      return;
    }
    const { digest, insertedAtMs, clears } = glass as GlassRecord;
    this.#digest = Buffer.from(digest, 'base64');
    this.#found = Object.freeze({ insertedAtMs });
    this.#expiresAtMs = record.expiresAtMs;
    this.#clears = clears;
  }
}
