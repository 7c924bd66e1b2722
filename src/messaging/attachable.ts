/** How `attach()` makes the reader and the writer of a kind of child, in a thread that has its handle. */
import type { RemoteRef } from './remote-ref.js';
import type { SharedChild } from './transferable.js';

export interface AttachableKind<Reader = unknown, Writer = unknown> {
  /** `handle` is what was posted, unchecked: a kind may have added members to it. */
  reader(child: SharedChild, handle: unknown): Reader;
  /** Absent for a kind that only its own actor writes. */
  writer?(ref: RemoteRef, handle: unknown): Writer;
}
