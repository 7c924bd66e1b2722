/** A ledger in another thread, to read and to write. */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { RevocationLedgerClient } from './revocation-ledger-client.js';
import type { LedgerView } from './revocation-ledger-reader.js';

/**
 * A writer, attached by `attach()`. It works across restarts of the actor, even while the starting thread is blocked.
 */
export class RevocationLedgerWriter<Cutoffs extends boolean = false> extends RevocationLedgerClient<Cutoffs> {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory, view: LedgerView<Cutoffs>, line: RemoteRef) {
    super(name, memory, table, view, line);
    this.#line = line;
  }

  /** Closes its ports, as the end of its thread does: afterwards calls reject with NO_PROC, reads still work. */
  close(): void {
    this.#line.close();
  }
}
