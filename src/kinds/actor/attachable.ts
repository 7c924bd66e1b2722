import type { AttachableKind } from '../../messaging/attachable.js';
import { ActorWriter } from './client.js';
import { ActorReader } from './reader.js';

/** A child of a user's own kind, in another thread. */
export const attachableActor: AttachableKind<ActorReader, ActorWriter> = {
  reader: (child) => new ActorReader(child),
  writer: (ref) => new ActorWriter(ref),
};
