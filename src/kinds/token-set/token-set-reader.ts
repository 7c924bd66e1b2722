/**
 * A token set as any thread reads it: shared memory only, no message, no lock.
 */
import { ActorReader } from '../actor/reader.js';
import { readChildStatus, type ChildStatus, type Health } from '../../supervision/child-status.js';
import { TokenvisorError } from '../../core/errors.js';
import { openWords } from '../../memory/child-memory.js';
import { Header } from '../../memory/layout.js';
import { wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle } from '../../messaging/transferable.js';
import { expiryMs } from '../../table/expiry.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TableReader, type TableEntry } from '../../table/table-reader.js';

/** What `status()` of a token set shows. */
export interface TokenSetStatus extends ChildStatus {
  /** How many tokens are kept, those included that have expired and are not expunged yet. */
  readonly size: number;
  /** How many it takes at most. */
  readonly maxEntries: number;
}

/**
 * A token set, read from any thread: what `attach()` returns of its `handle()`. It works on shared memory alone, also
 * while the actor is dead, restarting or parked, or the main thread is blocked.
 */
export class TokenSetReader {
  /** The child's name. */
  readonly name: string;
  /** @internal */
  readonly rows: TableReader;
  readonly #actor: ActorReader;
  readonly #memory: TableMemory;
  readonly #words: AtomicWords;
  /** The words again, without a call between them and the reader. */
  readonly #view: Int32Array;
  readonly #nowMs: () => number;

  /** @internal Use attach(). */
  constructor({ name, memory, table }: SharedChild) {
    this.name = name;
    this.#actor = new ActorReader({ name, memory });
    // Where there is none, the reader refuses it.
    this.#memory = table!;
    this.rows = new TableReader(this.#memory);
    this.#words = openWords(memory);
    this.#view = this.#words.view;
    this.#nowMs = wallClockOf(this.#words);
    // Of the table of digests, and of a reader of it, there is nothing to be printed.
    Object.defineProperty(this, 'rows', { enumerable: false });
  }

  /**
   * True if the token is in the set and has not expired. Synchronous, lock-free, no message: about a microsecond.
   * What is no string is not in the set.
   *
   * @throws STOPPED once the child, or its supervisor, has been stopped.
   * @example
   * const status = sessions.exists('a token') ? 200 : 401;
   */
  exists(token: string): boolean {
    this.#refuseIfStopped();
    return isToken(token) && this.rows.find(token) && expiryMs(this.rows.expiryS) > this.#nowMs();
  }

  /**
   * What the set has of a token, or undefined if it is not there, or has expired. As {@link exists}.
   *
   * @throws STOPPED once the child, or its supervisor, has been stopped.
   */
  lookup(token: string): TableEntry | undefined {
    if (!this.exists(token)) return undefined;
    return { expiresAtMs: expiryMs(this.rows.expiryS), meta: this.rows.meta };
  }

  /**
   * How many tokens are kept: those included that have expired and are not expunged yet. A read of one word.
   *
   * @throws STOPPED once the child, or its supervisor, has been stopped.
   */
  size(): number {
    this.#refuseIfStopped();
    return this.rows.size;
  }

  /** How the child does, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): TokenSetStatus {
    return { ...readChildStatus(this.name, this.#words), size: this.rows.size, maxEntries: this.rows.maxEntries };
  }

  /** Plain data to post to another thread, for `attach()` there: it can read there. */
  handle(): TransferableHandle<'tokenSet'> {
    const memory = this.#view.buffer as SharedArrayBuffer;
    return { tokenvisor: 1, kind: 'tokenSet', name: this.name, memory, table: this.#memory };
  }

  /** @internal Without an actor it is read as ever, but not written. */
  health(): Health {
    const { state, incarnation } = readChildStatus(this.name, this.#words);
    if (state === 'running') return 'ok';
    const isNew = state === 'starting' && incarnation <= 1;
    return state === 'stopped' || isNew ? 'down' : 'degraded';
  }

  /** @internal */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return this.#actor.changeWord();
  }

  /** @internal */
  isReady(): boolean {
    return this.#actor.isReady();
  }

  #refuseIfStopped(): void {
    if (Atomics.load(this.#view, Header.STOPPED) === 0) return;
    throw new TokenvisorError('STOPPED', `'${this.name}' has been stopped`, { child: this.name });
  }
}

/** What can be in a set. The empty string is what is left of a header that holds no token. */
export const isToken = (value: unknown): value is string => typeof value === 'string' && value !== '';
