/**
 * What the ledger promises of every record, whatever is asked, by however many writers, and in whatever order what they
 * wrote reaches a table: a revocation is never undone and its expiry never brought forward, and one caller revoked it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  keyOfRequest,
  knownRow,
  mergeEntry,
  State,
  stateOf,
  toRow,
  toWrite,
  type LedgerEntry,
} from '../../src/kinds/ledger/ledger-entry.js';
import {
  applyAll,
  type LedgerRequest,
  type LedgerRow,
  type RevokeAnswer,
} from '../../src/kinds/ledger/ledger-record.js';
import { expiryMs } from '../../src/table/expiry.js';
import type { StoredRecord } from '../../src/storage/port/store.js';

const GRACE_MS = 2_000;

const names = fc.constantFrom('a', 'b', 'c');
const expiries = fc.oneof(fc.integer({ min: 0, max: 50_000 }), fc.constant(Infinity));
const purposes = fc.constantFrom('user', 'reset');
const ofToken = { jti: names, subject: fc.option(names, { nil: undefined }), expiresAtMs: expiries };
const some = fc.option(fc.array(purposes, { maxLength: 2 }), { nil: undefined });

const requests: fc.Arbitrary<LedgerRequest> = fc.oneof(
  fc.record({ kind: fc.constant('revoke' as const), ...ofToken }),
  fc.record({ kind: fc.constant('store' as const), purpose: purposes, extraData: fc.jsonValue(), ...ofToken }),
  fc.record({ kind: fc.constant('store_changes' as const), purpose: purposes, changes: fc.jsonValue(), ...ofToken }),
  fc.record({
    kind: fc.constant('revoke_stored' as const),
    ...{ jti: names, subject: names, filter: fc.record({ includePurposes: some, excludePurposes: some }) },
  }),
  fc.record({
    kind: fc.constant('cut_off' as const),
    ...{ subject: names, cutoffS: fc.integer({ min: 0, max: 50 }), expiresAtMs: fc.integer({ min: 0, max: 50_000 }) },
  }),
);

/** Nothing of `before` is lost in `after`. */
const expectKept = (before: LedgerRow | undefined, after: LedgerRow | undefined): void => {
  if (before?.kind === 'cutoff') {
    const cutoff = after as typeof before;
    expect(cutoff.cutoffS).toBeGreaterThanOrEqual(before.cutoffS);
    expect(cutoff.expiresAtMs).toBeGreaterThanOrEqual(before.expiresAtMs);
  }
  if (before?.kind === 'token' && before.revokedAtMs !== undefined) {
    const token = after as typeof before;
    expect(token.revokedAtMs).toBe(before.revokedAtMs);
    expect(token.expiresAtMs).toBeGreaterThanOrEqual(before.expiresAtMs);
  }
};

/** A store with compare-and-set, and every record that it ever had. */
class ModelStore {
  readonly records = new Map<string, StoredRecord>();
  readonly history: StoredRecord[] = [];

  write(write: ReturnType<typeof toWrite>): boolean {
    const there = this.records.get(write.key);
    if ((there?.version ?? 0) !== write.replaces) return false;
    const { replaces, ...rest } = write;
    // As through any store: JSON.
    const data: unknown = JSON.parse(JSON.stringify(rest.data));
    const record = { ...rest, data, version: replaces + 1 };
    if (there) {
      expectKept(toRow(there), toRow(record));
      expect(record.expiresAtMs).toBeGreaterThanOrEqual(there.expiresAtMs);
    }
    this.records.set(write.key, record);
    this.history.push(record);
    return true;
  }
}

test('one writer: whatever is asked, in whatever order, a revocation stays, as long as it was to', () => {
  fc.assert(
    fc.property(fc.array(requests, { maxLength: 40 }), (sequence) => {
      const rows = new Map<string, LedgerRow>();
      const revokedBy = new Map<string, number>();
      for (const [at, request] of sequence.entries()) {
        const key = keyOfRequest(request);
        const before = rows.get(key);
        const { outcomes } = applyAll(before, [request], at);
        const [{ row, answer, write } = { row: undefined }] = outcomes;
        if (write) expect(write).toBe(row);
        expectKept(before, row);
        if (row) rows.set(key, row);
        const isRevoked = row?.kind === 'token' && row.revokedAtMs !== undefined;
        if (answer === 'revoked') {
          expect(revokedBy.has(key)).toBe(false);
          revokedBy.set(key, at);
        }
        if (answer !== undefined && answer !== 'skipped') expect(isRevoked).toBe(true);
        if (isRevoked) expect(revokedBy.has(key)).toBe(true);
      }
    }),
  );
});

test('a batch is as good as one after the other', () => {
  fc.assert(
    fc.property(fc.array(requests, { maxLength: 20 }), (sequence) => {
      const key = 't:a';
      const ofKey = sequence.filter((request) => keyOfRequest(request) === key);
      let row: LedgerRow | undefined;
      const answers = ofKey.map((request) => {
        const [outcome] = applyAll(row, [request], 5).outcomes;
        row = outcome?.row;
        return outcome?.answer;
      });
      const batch = applyAll(undefined, ofKey, 5);
      expect(batch.outcomes.map(({ answer }) => answer)).toEqual(answers);
      expect(batch.write).toEqual(row);
    }),
  );
});

/** Who does the next step: a writer that looks or writes, or the table that hears of something. */
const schedules = fc.array(fc.nat(), { minLength: 20, maxLength: 300 });

test('several writers with conflicts, tables that hear late and twice: nothing is undone, one caller revoked each token', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(requests, { maxLength: 12 }), { minLength: 2, maxLength: 3 }),
      schedules,
      (asked, schedule) => {
        const store = new ModelStore();
        const answers: { key: string; answer: RevokeAnswer | undefined }[] = [];
        // Each writer is of a process of its own: it has a table, into which what it wrote comes at some time, and what
        // it has loaded or looked at, in any order, and more than once.
        const writers = asked.map((sequence) => ({
          todo: [...sequence],
          seen: undefined as { version: number; record: StoredRecord | undefined } | undefined,
          table: new Map<string, LedgerEntry>(),
        }));
        const publish = (table: Map<string, LedgerEntry>, record: StoredRecord): void => {
          const before = table.get(record.key);
          const entry = mergeEntry(before, record) ?? before!;
          expect(entry.expiryS).toBeGreaterThanOrEqual(before?.expiryS ?? 0);
          if (record.key.startsWith('t:')) expect(entry.meta & (before?.meta ?? 0)).toBe(before?.meta ?? 0);
          else expect(entry.meta).toBeGreaterThanOrEqual(before?.meta ?? 0);
          table.set(record.key, entry);
        };
        const act = (writer: (typeof writers)[number], nowMs: number): void => {
          const [request] = writer.todo;
          if (!request) return;
          const key = keyOfRequest(request);
          if (!writer.seen) {
            const record = store.records.get(key);
            writer.seen = { version: record?.version ?? 0, record };
            return;
          }
          const { record } = writer.seen;
          const row = knownRow(key, record, writer.table.get(key), GRACE_MS, nowMs);
          const { write, outcomes } = applyAll(row, [request], nowMs);
          writer.seen = undefined;
          if (write && !store.write(toWrite(write, record, GRACE_MS))) return; // A conflict: once more.
          writer.todo.shift();
          answers.push({ key, answer: outcomes[0]?.answer });
          const now = store.records.get(key);
          if (now) publish(writer.table, now);
        };
        for (const [nowMs, number] of [...schedule, ...Array.from({ length: 200 }, (_, at) => at * 2)].entries()) {
          const writer = writers[Math.floor(number / 2) % writers.length]!;
          const old = store.history[number % Math.max(1, store.history.length)];
          // Half of the steps replay something old into a table.
          if (number % 2 === 1 && old) publish(writer.table, old);
          else act(writer, nowMs);
        }
        expect(writers.every(({ todo }) => todo.length === 0)).toBe(true);
        for (const [key, record] of store.records) {
          const isRevoked = key.startsWith('t:') && (record.state & State.REVOKED) !== 0;
          const revokers = answers.filter((each) => each.key === key && each.answer === 'revoked');
          expect(revokers).toHaveLength(isRevoked ? 1 : 0);
        }
        // What a table says is never more than what was written, and all of it once everything has come.
        for (const { table } of writers) {
          for (const record of store.history) publish(table, record);
          for (const [key, record] of store.records) {
            const row = toRow(record)!;
            expect(table.get(key)?.meta).toBe(stateOf(row));
            expect(expiryMs(table.get(key)!.expiryS)).toBeGreaterThanOrEqual(record.expiresAtMs);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
