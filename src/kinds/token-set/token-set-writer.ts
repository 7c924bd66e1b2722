/** A token set in another thread, to read and to change. */
import type { WriterLine } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TokenSetCaller } from './token-set-caller.js';

/**
 * A writer, attached by `attach()`. It works across restarts of the actor, even while the starting thread is blocked.
 */
export class TokenSetWriter extends TokenSetCaller {
  readonly #line: WriterLine;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory | undefined, line: WriterLine) {
    super(name, memory, table, line);
    this.#line = line;
  }

  /** Closes its ports, as the end of its thread does: afterwards writes reject with NO_PROC, reads still work. */
  close(): void {
    this.#line.close();
  }
}
