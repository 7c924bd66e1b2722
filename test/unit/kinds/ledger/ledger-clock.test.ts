/** What readers of a ledger compare with the wall clock, as it is set back and forth; no actor is needed for any of it. */
import { describe, expect, test } from 'vitest';
import { State } from '../../../../src/kinds/ledger/ledger-entry.js';
import { LedgerTable } from '../../../../src/kinds/ledger/ledger-table.js';
import { LedgerWord } from '../../../../src/kinds/ledger/ledger-words.js';
import { RevocationLedgerReader } from '../../../../src/kinds/ledger/revocation-ledger-reader.js';
import { allocateChildMemory, bindWords } from '../../../../src/memory/child-memory.js';
import { Header } from '../../../../src/memory/layout.js';
import { VALID_FOREVER } from '../../../../src/memory/valid-until.js';
import { AtomicWords } from '../../../../src/memory/words.js';
import { allocateTable } from '../../../../src/table/table-memory.js';
import { TableWriter } from '../../../../src/table/table-writer.js';
import { createSimulatedClock } from '../../../../src/testing/simulated-clock.js';

const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

const ledger = (validUntilS: number) => {
  const { shared } = allocateChildMemory();
  const clock = createSimulatedClock({ wallMs: START_MS });
  const words = new AtomicWords(shared, clock);
  bindWords(shared, words);
  words.store(Header.OWN + LedgerWord.VALID_UNTIL, validUntilS | 0);
  const memory = allocateTable({ maxEntries: 100 });
  const table = new LedgerTable({ writer: new TableWriter(memory), era: 0, requireStored: false, cutoffs: true });
  const reader = new RevocationLedgerReader(
    { name: 'revoked', memory: shared, table: memory },
    {
      cutoffs: true,
      requireStored: false,
      graceMs: 2_000,
    },
  );
  return { clock, table, reader };
};

describe('a ledger that is believed for ever', () => {
  test('a revocation has no end for readers: no clock is asked', () => {
    const { clock, table, reader } = ledger(VALID_FOREVER);
    table.merge({ key: 't:a', state: State.REVOKED, expiresAtMs: START_MS + 1_000 });
    for (const byMs of [DAY_MS, -2 * DAY_MS, DAY_MS]) {
      clock.stepWall(byMs);
      expect(reader.isJtiRevoked('a', { subject: undefined })).toBe(true);
    }
  });

  test('a cutoff is compared with what the token says, and ends when no such token can be good: with a clock set forth, and back', () => {
    const { clock, table, reader } = ledger(VALID_FOREVER);
    table.merge({ key: 's:ann', state: START_MS / 1_000, expiresAtMs: START_MS + DAY_MS });
    const isOut = (): readonly boolean[] =>
      [0, 1_000].map((laterMs) => reader.isJtiRevoked('a', { subject: 'ann', issuedAtMs: START_MS + laterMs }));
    expect(isOut()).toEqual([true, false]);
    clock.stepWall(DAY_MS);
    expect(isOut()).toEqual([false, false]);
    clock.stepWall(-2 * DAY_MS);
    // Both say that they were issued a day from now, which is believed of neither.
    expect(isOut()).toEqual([true, true]);
    clock.stepWall(DAY_MS);
    expect(isOut()).toEqual([true, false]);
  });
});

test('a ledger that is believed until a second is closed by a clock that is set forth, and would be opened by one set back', () => {
  const { clock, reader } = ledger(START_MS / 1_000 + 5);
  const claims = { subject: undefined };
  expect(reader.isJtiRevoked('a', claims)).toBe(false);
  clock.stepWall(5_000);
  expect(reader.isJtiRevoked('a', claims)).toBe(true);
  clock.stepWall(-DAY_MS);
  // Its actor moves the word, or the supervisor closes it: see unit/supervision/thread/clock-steps.
  expect(reader.isJtiRevoked('a', claims)).toBe(false);
});
