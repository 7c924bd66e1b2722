/** What is kept of a refresh token: pure data and pure decisions. */
import { createHash } from 'node:crypto';
import type { ProviderError } from '../core/errors.js';
import { mayHaveBeenRead } from '../net/http-failures.js';
import type { Json } from '../core/json.js';

/** An exchange that was begun and whose outcome nobody has recorded: the token it spends may be spent. */
export interface Intent {
  readonly attempt: number;
  /** Digest of the refresh token. */
  readonly token: string;
  /** How often the same token had been sent before. */
  readonly replays: number;
  /** The server has said since then that the token is no good: nothing is open, but a replay of it would be one too many. */
  readonly refused?: true;
}

export interface RefreshRecord {
  /** Raised by every write. The first one of a record is the wall time, so that a record made later has a higher one. */
  readonly revision: number;
  /** Who wrote it last. */
  readonly writer: string;
  readonly refreshToken: string;
  /** How often the server has replaced it since the last seed. */
  readonly rotations: number;
  /** Digests of the refresh tokens that the options have given, the last one last. */
  readonly seeds: readonly string[];
  readonly intent?: Intent;
}

/** How many seeds are remembered: enough for any configuration that is ever rolled back to. */
const MAX_SEEDS = 32;

/** Tokens are random, so a plain digest tells nothing about them. */
export const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** The record of a refresh token that the options give, for the first time or after another one. */
export const seededRecord = (
  seed: string,
  writer: string,
  nowMs: number,
  before: RefreshRecord | undefined,
): RefreshRecord => {
  const seeds = [...(before?.seeds ?? []), digestOf(seed)].slice(-MAX_SEEDS);
  // A whole number, whatever the clock: what can't be counted on from is no record.
  const revision = before === undefined ? Math.floor(nowMs) : before.revision + 1;
  return { revision, writer, refreshToken: seed, rotations: 0, seeds };
};

/**
 * True if the options give a refresh token that has not been taken in yet: somebody has authorised anew. A single-use
 * seed that was taken in earlier is spent, so a configuration that is rolled back to it changes nothing.
 */
export const isNewSeed = (record: RefreshRecord, seed: string, singleUse: boolean): boolean => {
  const digest = digestOf(seed);
  return singleUse ? !record.seeds.includes(digest) : record.seeds.at(-1) !== digest;
};

/** The last exchange of the record's token that may have taken place. */
export const lastIntent = (record: RefreshRecord): Intent | undefined =>
  record.intent?.token === digestOf(record.refreshToken) ? record.intent : undefined;

/** The same, if its outcome is unknown. */
export const openIntent = (record: RefreshRecord): Intent | undefined => {
  const intent = lastIntent(record);
  return intent?.refused ? undefined : intent;
};

/** The record with another intent, or with none. */
export const withIntent = (record: RefreshRecord, writer: string, intent: Intent | undefined): RefreshRecord => {
  const { intent: _old, ...rest } = record;
  return { ...rest, revision: record.revision + 1, writer, ...(intent === undefined ? {} : { intent }) };
};

/** The record after an answer; without a refresh token in it the old one stays good (RFC 6749 §6). */
export const afterAnswer = (record: RefreshRecord, writer: string, refreshToken: string | undefined): RefreshRecord => {
  const settled = withIntent(record, writer, undefined);
  if (refreshToken === undefined || refreshToken === record.refreshToken) return settled;
  return { ...settled, refreshToken, rotations: record.rotations + 1 };
};

/** Whether this failure leaves open if a single-use refresh token was spent. */
export const leavesOpen = (failure: ProviderError): boolean => {
  const { status, reason } = failure;
  if (status !== undefined && status >= 300) return status >= 500 && status !== 503;
  if (reason === 'oauth_error') return false;
  return mayHaveBeenRead(failure);
};

/**
 * What holds, of the record in shared memory and the one in the file.
 *
 * The newer one, with one exception. An intent goes to the file first and to memory second, and the request leaves
 * after both. So if this supervisor's own intent is in the file and memory is one step behind, the request never left.
 */
export const reconcile = (
  kept: RefreshRecord | undefined,
  filed: RefreshRecord | undefined,
  writer: string,
): RefreshRecord | undefined => {
  if (kept === undefined || filed === undefined) return kept ?? filed;
  const neverLeft = filed.intent !== undefined && filed.writer === writer && filed.revision === kept.revision + 1;
  if (neverLeft) return { ...kept, writer, revision: filed.revision + 1 };
  return kept.revision > filed.revision ? kept : filed;
};

/** A record from its JSON; undefined if it is none. */
export const parseRecord = (value: unknown): RefreshRecord | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const { revision, writer, refreshToken, rotations, seeds, intent } = value as Partial<RefreshRecord>;
  const whole =
    isCount(revision) &&
    typeof writer === 'string' &&
    typeof refreshToken === 'string' &&
    refreshToken !== '' &&
    isCount(rotations) &&
    Array.isArray(seeds) &&
    seeds.every((seed) => typeof seed === 'string') &&
    (intent === undefined || isIntentOf(refreshToken, intent));
  return whole ? (value as RefreshRecord) : undefined;
};

/** Half of what a number can count to: what is read can be counted on from, and read again. */
const isCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= Number.MAX_SAFE_INTEGER / 2;

export const recordAsJson = (record: RefreshRecord): Json => record as unknown as Json;

/** An intent is of the token beside it. One of another would count as none, and a token that may be spent be sent again. */
const isIntentOf = (refreshToken: string, value: Partial<Record<keyof Intent, unknown>> | null): boolean =>
  isCount(value?.attempt) &&
  isCount(value.replays) &&
  value.token === digestOf(refreshToken) &&
  (value.refused === undefined || value.refused === true);
