/**
 * A token set in another thread, to be changed as well as read.
 */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TokenSetClient } from './token-set-client.js';

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class TokenSetWriter extends TokenSetClient {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory | undefined, line: RemoteRef) {
    super(name, memory, table, line);
    this.#line = line;
  }

  /** Lets go of its ports, as the end of its thread does: writes reject with NO_PROC then, reads go on. */
  close(): void {
    this.#line.close();
  }
}
