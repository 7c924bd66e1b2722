/** Reads any child in any thread, from its shared memory alone: even while the actor is dead. */
import { parsedJson, readJson } from '../../memory/json.js';
import { readChildStatus, type ChildStatus, type Health } from '../../supervision/child-status.js';
import { TokenvisorError } from '../../core/errors.js';
import { openWords } from '../../memory/child-memory.js';
import { Header, SNAPSHOT, STATUS } from '../../memory/layout.js';
import { type ReaderWords, readerWords } from '../../memory/user-words.js';
import { readRecord } from '../../memory/record.js';
import { wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle } from '../../messaging/transferable.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TableReader } from '../../table/table-reader.js';
import { tableOf } from '../../actor/table-of.js';

/** The `status()` of a custom child. */
export interface ActorStatus extends ChildStatus {
  /** The last value of `context.setStatus`; undefined if there was none. */
  readonly details: unknown;
}

const decoder = new TextDecoder();

/**
 * A custom child, read from any thread: the result of `attach()`. It uses shared memory alone, so it works while the
 * actor is dead or the main thread is blocked.
 */
export class ActorReader {
  /** The child's name. */
  readonly name: string;
  /** The child's words, to read and to count in; the kind defines their meaning. They live as long as the child. */
  readonly words: ReaderWords;
  readonly #words: AtomicWords;
  readonly #tableMemory: TableMemory | undefined;
  #table: TableReader | undefined;

  constructor({ name, memory, table }: SharedChild) {
    this.name = name;
    this.#words = openWords(memory);
    this.words = readerWords(this.#words);
    this.#tableMemory = table;
  }

  /** The child's table, if it has one; opened at the first access. @throws CONFIG_INVALID if there is none. */
  get table(): TableReader {
    this.#table ??= new TableReader(tableOf(this.name, this.#tableMemory));
    return this.#table;
  }

  /**
   * The value that the actor published last; undefined if there is none, or it has expired. Lock-free; decodes JSON.
   */
  snapshot<Value = unknown>(): Value | undefined {
    const record = readRecord(this.#words, SNAPSHOT);
    if (!record.payload || record.expiresAtMs <= wallClockOf(this.#words)()) return undefined;
    return parsedJson(decoder.decode(record.payload)) as Value | undefined;
  }

  /** The child's status. Reads shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): ActorStatus {
    return { ...readChildStatus(this.name, this.#words), details: readJson(this.#words, STATUS) };
  }

  /** Plain data to post to another thread, which can read the child after `attach()`. */
  handle(): TransferableHandle<'actor'> {
    const memory = this.#words.view.buffer as SharedArrayBuffer;
    const table = this.#tableMemory;
    return { tokenvisor: 1, kind: 'actor', name: this.name, memory, ...(table && { table }) };
  }

  /** @internal */
  health(): Health {
    return this.status().state === 'running' ? 'ok' : 'down';
  }

  /** @internal The words that change when anything of the child does. */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return { words: this.#words, index: Header.CHANGE };
  }

  /** @internal The condition of `ready()`. Throws an error that makes waiting hopeless. */
  isReady(): boolean {
    const { name } = this;
    switch (this.status().state) {
      case 'running':
        return true;
      case 'stopped':
        throw new TokenvisorError('STOPPED', `'${name}' has been stopped`, { child: name });
      case 'parked':
        throw new TokenvisorError('PARKED', `'${name}' was restarted too often: fix the cause, then resume()`, {
          child: name,
        });
      default:
        return false;
    }
  }
}
