/** What crosses to another thread of a child: plain data, and a port. */
import type { MessagePort } from 'node:worker_threads';
import type { TableMemory } from '../table/table-memory.js';

/** What a reader of a child needs: its shared memory. */
export interface SharedChild {
  /** The child's name. */
  readonly name: string;
  /** What readers see of the child: shared, not copied, when it is posted. */
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
 * What `writer()` resolves with: post it to one other thread, with `port` in the transfer list, and `attach()` it there.
 * Without that list Node throws, and says that something needs a transfer.
 */
export interface TransferableWriter<KindName extends string = string> extends TransferableHandle<KindName> {
  /** To be transferred: `worker.postMessage(writer, [writer.port])`. */
  readonly port: MessagePort;
}
