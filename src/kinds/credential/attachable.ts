import type { AttachableKind } from '../../messaging/attachable.js';
import { CredentialReader } from './reader.js';

/** A credential in another thread. Only its own actor writes it. */
export const attachableCredential: AttachableKind<CredentialReader> = {
  reader: (child) => new CredentialReader(child),
};
