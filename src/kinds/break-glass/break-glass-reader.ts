/**
 * A break-glass token as any thread looks it up: shared memory only, no message, no lock.
 */
import { ActorReader } from '../actor/reader.js';
import { readChildStatus, type ChildStatus, type Health } from '../../supervision/child-status.js';
import { parsedJson } from '../../memory/json.js';
import { openWords } from '../../memory/child-memory.js';
import { Header, SNAPSHOT } from '../../memory/layout.js';
import { readRecord } from '../../memory/record.js';
import { wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle } from '../../messaging/transferable.js';
import { GlassWord, isDigestOf, type GlassRecord } from './break-glass-record.js';

/** What a lookup of the token finds. */
export interface FoundToken {
  /** When the token was made: ms since the Unix epoch (UTC). */
  readonly insertedAtMs: number;
}

/** What `status()` of a break-glass token shows: nothing of the token. */
export interface BreakGlassStatus extends ChildStatus {
  /** The token that is there, if there is one: when it was made, and until when it is good (`Infinity` for ever). */
  readonly stored?: { readonly insertedAtMs: number; readonly expiresAtMs: number };
  /** How many lookups have found the token, in all threads since the start: 32 bits, and then from 0 again. */
  readonly matches: number;
  /** How many have not. */
  readonly misses: number;
}

const decoder = new TextDecoder();
/** What no digest is. Compared with where there is no token, so that a lookup takes as long. */
const NO_DIGEST = Buffer.alloc(32);
const OWN = Header.OWN;

/**
 * A break-glass token, read from any thread: what `attach()` returns, and what its handle is too. It works on shared
 * memory alone: while the actor is dead, and while the main thread is blocked.
 */
export class BreakGlassReader {
  /** The child's name. */
  readonly name: string;
  readonly #actor: ActorReader;
  /** The words, without a call between them and the reader. */
  readonly #view: Int32Array;
  readonly #words: AtomicWords;
  readonly #nowMs: () => number;
  /** The control word under which what follows counts; 0 is that of no token, and what a record has that never was. */
  #control = 0;
  #digest = NO_DIGEST;
  #clears = 0;
  /** 0 where there is no token: that is never good. */
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
   * What is known of the token if this is it; undefined if it is another one, or if there is none. Synchronous, lock-free, no
   * message. How long it takes says nothing of the token: digests are compared, in constant time. It is counted.
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

  /** How the child does, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): BreakGlassStatus {
    this.#decode();
    return {
      ...readChildStatus(this.name, this.#words),
      ...(this.#isGood() && { stored: { ...this.#found!, expiresAtMs: this.#expiresAtMs } }),
      matches: this.#words.load(OWN + GlassWord.MATCHES) >>> 0,
      misses: this.#words.load(OWN + GlassWord.MISSES) >>> 0,
    };
  }

  /** Plain data to post to another thread, for `attach()` there: it can look up there. */
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

  /** Takes in what the control word points at: once per token. */
  #decode(): void {
    const record = readRecord(this.#words, SNAPSHOT);
    // Never the same twice while we looked: what was read last is not to be believed, and the next lookup looks again.
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
