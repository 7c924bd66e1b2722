/**
 * The part of a record that is in the table, and in those columns of the store from which the table is loaded: a key,
 * 32 bits of state and an expiry. An update never undoes a revocation.
 */
import { expiryMs, expirySeconds } from '../../table/expiry.js';
import type { StoredEntry, StoredRecord, StoreWrite } from '../../storage/port/store.js';
import type { LedgerRequest, LedgerRow, TokenRow } from './ledger-record.js';

/** The state of a token; the state of a cutoff is its second. */
export const State = { REVOKED: 0b01, STORED: 0b10 } as const;

/** Tokens and subjects share a store; the prefixes keep their keys apart. */
const TOKEN = 't:';
const SUBJECT = 's:';

export const tokenKey = (jti: string): string => TOKEN + jti;
export const cutoffKey = (subject: string): string => SUBJECT + subject;

/** The token or subject of a key; undefined for a key of a later version of the package. */
export type KeyOf = { readonly jti: string } | { readonly subject: string };

export const readKey = (key: string): KeyOf | undefined => {
  if (key.startsWith(TOKEN)) return { jti: key.slice(TOKEN.length) };
  if (key.startsWith(SUBJECT)) return { subject: key.slice(SUBJECT.length) };
  return undefined;
};

export const keyOfRequest = (request: LedgerRequest): string =>
  request.kind === 'cut_off' ? cutoffKey(request.subject) : tokenKey(request.jti);

const keyOfRow = (row: LedgerRow): string => (row.kind === 'cutoff' ? cutoffKey(row.subject) : tokenKey(row.jti));

export const stateOf = (row: LedgerRow): number => {
  if (row.kind === 'cutoff') return row.cutoffS;
  return (row.revokedAtMs === undefined ? 0 : State.REVOKED) | (row.stored ? State.STORED : 0);
};

/** A record's entry in the table. */
export interface LedgerEntry {
  readonly meta: number;
  readonly expiryS: number;
}

/** Merges an entry into the existing one: the result never says less. Undefined if nothing changes. */
export const mergeEntry = (
  there: LedgerEntry | undefined,
  { key, state, expiresAtMs }: StoredEntry,
): LedgerEntry | undefined => {
  const expiryS = Math.max(there?.expiryS ?? 0, expirySeconds(expiresAtMs, 'up'));
  const isCutoff = key.startsWith(SUBJECT);
  const meta = isCutoff ? Math.max(there?.meta ?? 0, state) : ((there?.meta ?? 0) | state) >>> 0;
  return there?.meta === meta && there.expiryS === expiryS ? undefined : { meta, expiryS };
};

/** The part of a row that only the store has. JSON has no Infinity: without an expiry it never expires. */
interface Data extends Partial<Pick<TokenRow, 'purpose' | 'extraData' | 'changes' | 'revokedAtMs'>> {
  readonly expiresAtMs?: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

const dataOf = (row: LedgerRow): Data => {
  const { createdAtMs, updatedAtMs, expiresAtMs } = row;
  const common = { createdAtMs, updatedAtMs, ...(expiresAtMs !== Infinity && { expiresAtMs }) };
  if (row.kind === 'cutoff') return common;
  const { purpose, extraData, changes, revokedAtMs } = row;
  return {
    ...common,
    ...(purpose !== undefined && { purpose }),
    ...(extraData !== undefined && { extraData }),
    ...(changes !== undefined && { changes }),
    ...(revokedAtMs !== undefined && { revokedAtMs }),
  };
};

/**
 * A row in its stored form. It may be expunged when a verifier whose clock is behind by `graceMs` no longer accepts the
 * tokens that it concerns; not earlier than the existing record.
 */
export const toWrite = (row: LedgerRow, existing: StoredRecord | undefined, graceMs: number): StoreWrite => ({
  key: keyOfRow(row),
  replaces: existing?.version ?? 0,
  ...(existing && { replacesExpiresAtMs: existing.expiresAtMs }),
  // A cutoff must not count among the subject's tokens, which a revocation by subject revokes.
  ...(row.kind === 'token' && row.subject !== undefined && { subject: row.subject }),
  expiresAtMs: Math.max(existing?.expiresAtMs ?? 0, row.expiresAtMs + graceMs),
  state: stateOf(row),
  data: dataOf(row),
});

/**
 * True if the store has everything that matters of a row. The table may know more: the store may forget (memory), or
 * have been restored from an older copy, or emptied. The table's expiries are whole seconds, rounded up.
 */
export const isKept = (row: LedgerRow, record: StoredRecord | undefined, graceMs: number): boolean => {
  if (!record || row.expiresAtMs + graceMs - record.expiresAtMs >= 1_000) return false;
  const state = stateOf(row);
  return row.kind === 'cutoff' ? record.state >= state : (record.state & state) === state;
};

const instant = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise;

/** A stored record as a row; undefined for one of a later version of the package. */
export const toRow = (record: StoredRecord): LedgerRow | undefined => {
  const of = readKey(record.key);
  if (!of) return undefined;
  // Any program may have written to the store's table: invalid members are ignored.
  const data = (record.data ?? {}) as Readonly<Record<keyof Data, unknown>>;
  const updatedAtMs = instant(data.updatedAtMs, 0);
  const expiresAtMs = instant(data.expiresAtMs, Infinity);
  const times = { expiresAtMs, createdAtMs: instant(data.createdAtMs, 0), updatedAtMs };
  if ('subject' in of) return { kind: 'cutoff', subject: of.subject, cutoffS: record.state, ...times };
  const { purpose, extraData, changes } = data;
  const revokedAtMs = instant(data.revokedAtMs, updatedAtMs);
  return {
    ...(typeof purpose === 'string' && { purpose }),
    ...(extraData !== undefined && { extraData }),
    ...(changes !== undefined && { changes }),
    kind: 'token',
    jti: of.jti,
    ...(record.subject !== undefined && { subject: record.subject }),
    ...times,
    stored: (record.state & State.STORED) !== 0,
    // The state decides, because the table is loaded from it.
    ...((record.state & State.REVOKED) !== 0 && { revokedAtMs }),
  };
};

/**
 * The known state of a key: its record, combined with the table's entry, which may know more than a store that forgets
 * (memory, after a crash of the actor).
 */
export const knownRow = (
  key: string,
  record: StoredRecord | undefined,
  entry: LedgerEntry | undefined,
  graceMs: number,
  nowMs: number,
): LedgerRow | undefined => {
  const row = record && toRow(record);
  const of = readKey(key);
  if (!entry || !of) return row;
  // The table's expiry includes the grace, which is not part of the token's.
  const expiresAtMs = Math.max(row?.expiresAtMs ?? 0, expiryMs(entry.expiryS) - graceMs);
  const base = row ?? { createdAtMs: nowMs, updatedAtMs: nowMs };
  if ('subject' in of) {
    const cutoffS = Math.max(row?.kind === 'cutoff' ? row.cutoffS : 0, entry.meta);
    return { ...base, kind: 'cutoff', subject: of.subject, cutoffS, expiresAtMs };
  }
  if ((entry.meta & State.REVOKED) === 0 || (row?.kind === 'token' && row.revokedAtMs !== undefined)) return row;
  return { stored: false, ...base, kind: 'token', jti: of.jti, expiresAtMs, revokedAtMs: nowMs };
};
