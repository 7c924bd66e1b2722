import type { AttachableKind } from '../../messaging/attachable.js';
import { TokenSetWriter } from './token-set-client.js';
import { TokenSetReader } from './token-set-reader.js';

/** A token set in another thread. */
export const attachableTokenSet: AttachableKind<TokenSetReader, TokenSetWriter> = {
  reader: (child) => new TokenSetReader(child),
  writer: (ref) => new TokenSetWriter(ref),
};
