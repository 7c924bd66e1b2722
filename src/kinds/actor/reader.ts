/**
 * What any thread can read of any child, from its shared memory alone: it matters most when the actor is dead.
 */
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

/** What `status()` of a child of one's own shows. */
export interface ActorStatus extends ChildStatus {
  /** What the actor last said by `context.setStatus`; undefined if it has said nothing. */
  readonly details: unknown;
}

const decoder = new TextDecoder();

/**
 * A child of one's own, read from any thread: what `attach()` returns of it. It works on shared memory alone, also while
 * the actor is dead or the main thread is blocked.
 */
export class ActorReader {
  /** The child's name. */
  readonly name: string;
  /** The child's own words, to be read and counted in: what they mean is up to the kind. They live as long as the child. */
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

  /** The child's table, if it was given one; opened when it is first asked for. @throws CONFIG_INVALID if there is none. */
  get table(): TableReader {
    this.#table ??= new TableReader(tableOf(this.name, this.#tableMemory));
    return this.#table;
  }

  /** The value that the actor last published; undefined if there is none, or it has expired. Lock-free; decodes JSON. */
  snapshot<Value = unknown>(): Value | undefined {
    const record = readRecord(this.#words, SNAPSHOT);
    if (!record.payload || record.expiresAtMs <= wallClockOf(this.#words)()) return undefined;
    return parsedJson(decoder.decode(record.payload)) as Value | undefined;
  }

  /** How the child does. Reads shared memory: it works while the actor, or the main thread, does not. */
  status(): ActorStatus {
    return { ...readChildStatus(this.name, this.#words), details: readJson(this.#words, STATUS) };
  }

  /** Plain data to post to another thread, for `attach()` there: it can read there. */
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

  /** @internal What `ready()` waits for. Throws what makes waiting hopeless. */
  isReady(): boolean {
    const { name } = this;
    switch (this.status().state) {
      case 'running':
        return true;
      case 'stopped':
        throw new TokenvisorError('STOPPED', `'${name}' has been stopped`, { child: name });
      case 'parked':
        throw new TokenvisorError('PARKED', `'${name}' was restarted too often: mend the cause, then resume()`, {
          child: name,
        });
      default:
        return false;
    }
  }
}
