/** Reads a token set in any thread: shared memory only, no message, no lock. */
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

/** The `status()` of a token set. */
export interface TokenSetStatus extends ChildStatus {
  /** How many tokens it has, including those that have expired and are not expunged yet. */
  readonly size: number;
  /** The most tokens that it takes. */
  readonly maxEntries: number;
}

/**
 * A token set, read from any thread: the result of `attach()`. It uses shared memory alone, so it works while the actor
 * is dead, restarting or parked, or the main thread is blocked.
 */
export class TokenSetReader {
  /** The child's name. */
  readonly name: string;
  /** @internal */
  readonly rows: TableReader;
  readonly #actor: ActorReader;
  readonly #memory: TableMemory;
  readonly #words: AtomicWords;
  /** The same words, for access without a call. */
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
    // Not enumerable, because there is nothing of use to print.
    Object.defineProperty(this, 'rows', { enumerable: false });
  }

  /**
   * True if the token is in the set and has not expired. Synchronous, lock-free, no message: about a microsecond. False
   * for anything but a string.
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
   * The token's entry; undefined if it is not in the set, or has expired. As {@link exists}.
   *
   * @throws STOPPED once the child, or its supervisor, has been stopped.
   */
  lookup(token: string): TableEntry | undefined {
    if (!this.exists(token)) return undefined;
    return { expiresAtMs: expiryMs(this.rows.expiryS), meta: this.rows.meta };
  }

  /**
   * How many tokens it has, including those that have expired and are not expunged yet. Reads one word.
   *
   * @throws STOPPED once the child, or its supervisor, has been stopped.
   */
  size(): number {
    this.#refuseIfStopped();
    return this.rows.size;
  }

  /** The child's status, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): TokenSetStatus {
    return { ...readChildStatus(this.name, this.#words), size: this.rows.size, maxEntries: this.rows.maxEntries };
  }

  /** Plain data to post to another thread, which can read the set after `attach()`. */
  handle(): TransferableHandle<'tokenSet'> {
    const memory = this.#view.buffer as SharedArrayBuffer;
    return { tokenvisor: 1, kind: 'tokenSet', name: this.name, memory, table: this.#memory };
  }

  /** @internal Without an actor it can be read, but not written. */
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

/** True for a valid token. An empty string is not one: it may come from a header without a token. */
export const isToken = (value: unknown): value is string => typeof value === 'string' && value !== '';
