/** A break-glass token in another thread, to look up and to change. */
import type { RemoteRef } from '../../messaging/remote-ref.js';
import { BreakGlassClient } from './break-glass-client.js';

/**
 * A writer, attached by `attach()`. It works across restarts of the actor, even while the starting thread is blocked.
 */
export class BreakGlassWriter extends BreakGlassClient {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, line: RemoteRef) {
    super(name, memory, line);
    this.#line = line;
  }

  /** Closes its ports, as the end of its thread does: afterwards calls reject with NO_PROC, lookups still work. */
  close(): void {
    this.#line.close();
  }
}
