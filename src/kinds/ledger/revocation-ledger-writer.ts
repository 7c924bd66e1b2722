/** A ledger in another thread, to read and to write. */
import type { WriterLine } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { RevocationLedgerCaller } from './revocation-ledger-caller.js';
import type { LedgerView } from './revocation-ledger-reader.js';

/**
 * A writer, attached by `attach()`. It works across restarts of the actor, even while the starting thread is blocked.
 */
export class RevocationLedgerWriter<Cutoffs extends boolean = false> extends RevocationLedgerCaller<Cutoffs> {
  readonly #line: WriterLine;

  /** @internal Use attach(). */
  constructor(
    name: string,
    memory: SharedArrayBuffer,
    table: TableMemory,
    view: LedgerView<Cutoffs>,
    line: WriterLine,
  ) {
    super(name, memory, table, view, line);
    this.#line = line;
  }

  /** Closes its ports, as the end of its thread does: afterwards calls reject with NO_PROC, reads still work. */
  close(): void {
    this.#line.close();
  }
}
