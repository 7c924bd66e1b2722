import { expect, test } from 'vitest';
import { RevocationLedgerClient } from '../../../../src/kinds/ledger/revocation-ledger-client.js';
import { allocateChildMemory } from '../../../../src/memory/child-memory.js';
import { allocateTable } from '../../../../src/table/table-memory.js';

const sent: unknown[] = [];
const ledger = new RevocationLedgerClient(
  'revoked',
  allocateChildMemory().shared,
  allocateTable({ maxEntries: 10 }),
  { cutoffs: false, requireStored: false, graceMs: 0 },
  { call: (message) => Promise.resolve(sent.push(message)), cast: () => undefined, tell: () => undefined },
);

test.each<[what: string, call: () => Promise<unknown>]>([
  ['revoke', () => ledger.revoke('jwt', null as never)],
  ['revokeJti', () => ledger.revokeJti('jti', null as never)],
  ['revokeAllForSubject', () => ledger.revokeAllForSubject('subject', 'all' as never)],
  ['storeToken', () => ledger.storeToken('jwt', undefined as never)],
  ['storeConfirmationChanges', () => ledger.storeConfirmationChanges('jwt', undefined as never)],
  ['getToken', () => ledger.getToken(undefined as never)],
  ['readExpired', () => ledger.readExpired(null as never)],
])('%s says that its options are none, and sends nothing', async (_, call) => {
  await expect(call()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('object') as string,
  });
  expect(sent).toEqual([]);
});
