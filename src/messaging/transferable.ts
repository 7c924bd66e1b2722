/** The forms in which a child crosses to another thread: plain data, and a port. */
import type { MessagePort } from 'node:worker_threads';
import type { TableMemory } from '../table/table-memory.js';

/** What a reader of a child needs: its shared memory. */
export interface SharedChild {
  /** The child's name. */
  readonly name: string;
  /** The memory that readers use: shared, not copied, when it is posted. */
  readonly memory: SharedArrayBuffer;
  /** Its table, if it has one: shared as well. */
  readonly table?: TableMemory | undefined;
}

/** What `handle()` returns: post it to any thread, and `attach()` it there. It can read and ask, not call. */
export interface TransferableHandle<KindName extends string = string> extends SharedChild {
  /** The version of this form. */
  readonly tokenvisor: 1;
  /** The kind of child: `credential`, `tokenSet` and so on, or `actor` for a kind written by a user. */
  readonly kind: KindName;
}

/**
 * The result of `writer()`: post it to one other thread, with `port` in the transfer list, and `attach()` it there.
 * Without that list Node throws an error about a missing transfer.
 */
export interface TransferableWriter<KindName extends string = string> extends TransferableHandle<KindName> {
  /** Must be transferred: `worker.postMessage(writer, [writer.port])`. */
  readonly port: MessagePort;
}
