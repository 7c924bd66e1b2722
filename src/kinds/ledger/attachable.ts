import { propertyOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import type { AttachableKind } from '../../messaging/attachable.js';
import { RevocationLedgerWriter } from './revocation-ledger-client.js';
import { type LedgerView, RevocationLedgerReader } from './revocation-ledger-reader.js';

/** A ledger in another thread. */
export const attachableLedger: AttachableKind<RevocationLedgerReader<boolean>, RevocationLedgerWriter<boolean>> = {
  reader: (child, handle) => new RevocationLedgerReader(child, viewOf(child.name, handle)),
  writer: (ref, handle) => new RevocationLedgerWriter(ref, viewOf(ref.name, handle)),
};

/** A handle that lacks these must not be read as one that asks for less. */
const viewOf = (name: string, handle: unknown): LedgerView => {
  const [cutoffs, requireStored, graceMs] = ['cutoffs', 'requireStored', 'graceMs'].map((key) =>
    propertyOf(handle, key),
  );
  if (typeof cutoffs === 'boolean' && typeof requireStored === 'boolean' && Number.isFinite(graceMs)) {
    return { cutoffs, requireStored, graceMs: graceMs as number };
  }
  const message = `Expected what handle() or writer() of a ledger returned, got a part of it: it says nothing of cutoffs`;
  throw new TokenvisorError('LAYOUT_MISMATCH', message, { child: name });
};
