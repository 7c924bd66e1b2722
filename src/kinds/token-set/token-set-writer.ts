/** A token set in another thread, to read and to change. */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TokenSetClient } from './token-set-client.js';

/**
 * A writer, attached by `attach()`. It works across restarts of the actor, even while the starting thread is blocked.
 */
export class TokenSetWriter extends TokenSetClient {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory | undefined, line: RemoteRef) {
    super(name, memory, table, line);
    this.#line = line;
  }

  /** Closes its ports, as the end of its thread does: afterwards writes reject with NO_PROC, reads still work. */
  close(): void {
    this.#line.close();
  }
}
