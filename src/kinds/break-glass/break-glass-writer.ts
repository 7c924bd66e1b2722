/**
 * A break-glass token in another thread, to be changed as well as looked up.
 */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import { BreakGlassClient } from './break-glass-client.js';

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class BreakGlassWriter extends BreakGlassClient {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, line: RemoteRef) {
    super(name, memory, line);
    this.#line = line;
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, lookups go on. */
  close(): void {
    this.#line.close();
  }
}
