/**
 * A ledger in another thread, to be written as well as read.
 */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { RevocationLedgerClient } from './revocation-ledger-client.js';
import type { LedgerView } from './revocation-ledger-reader.js';

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class RevocationLedgerWriter<Cutoffs extends boolean = false> extends RevocationLedgerClient<Cutoffs> {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory, view: LedgerView<Cutoffs>, line: RemoteRef) {
    super(name, memory, table, view, line);
    this.#line = line;
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, reads go on. */
  close(): void {
    this.#line.close();
  }
}
