import type { AttachableKind } from '../../messaging/attachable.js';
import { BreakGlassWriter } from './break-glass-client.js';
import { BreakGlassReader } from './break-glass-reader.js';

/** A break-glass token in another thread. */
export const attachableBreakGlass: AttachableKind<BreakGlassReader, BreakGlassWriter> = {
  reader: (child) => new BreakGlassReader(child),
  writer: (ref) => new BreakGlassWriter(ref),
};
