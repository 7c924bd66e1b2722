/**
 * A break-glass token in another thread, to be changed as well as looked up.
 */
import type { WriterLine } from '../../messaging/remote-ref.js';
import { BreakGlassCaller } from './break-glass-caller.js';

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class BreakGlassWriter extends BreakGlassCaller {
  readonly #line: WriterLine;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, line: WriterLine) {
    super(name, memory, line);
    this.#line = line;
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, lookups go on. */
  close(): void {
    this.#line.close();
  }
}
