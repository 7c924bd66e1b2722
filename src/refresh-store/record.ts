/** The stored state of a refresh token: pure data and pure decisions. */
import { createHash } from 'node:crypto';
import type { ProviderError } from '../core/errors.js';
import { mayHaveBeenRead } from '../net/http-failures.js';
import type { Json } from '../core/json.js';

/** An exchange that was begun and has no recorded outcome: its token may be spent. */
export interface Intent {
  readonly attempt: number;
  /** Digest of the refresh token. */
  readonly token: string;
  /** How often the same token had been sent before. */
  readonly replays: number;
  /** The server has refused the token since: nothing is open, but it must not be sent again. */
  readonly refused?: true;
}

export interface RefreshRecord {
  /**
   * Raised by every write. The first revision of a record is the wall time, so that a later record has a higher one.
   */
  readonly revision: number;
  /** The last writer. */
  readonly writer: string;
  readonly refreshToken: string;
  /** How often the server has replaced it since the last seed. */
  readonly rotations: number;
  /** Digests of the refresh tokens from the options, the latest one last. */
  readonly seeds: readonly string[];
  readonly intent?: Intent;
}

/** How many seeds are remembered: enough for a rollback to any configuration. */
const MAX_SEEDS = 32;

/** Tokens are random, so a plain digest reveals nothing about them. */
export const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** The record of a refresh token from the options, the first one or another one. */
export const seededRecord = (
  seed: string,
  writer: string,
  nowMs: number,
  before: RefreshRecord | undefined,
): RefreshRecord => {
  const seeds = [...(before?.seeds ?? []), digestOf(seed)].slice(-MAX_SEEDS);
  // A whole number, whatever the clock: a revision must be countable.
  const revision = before === undefined ? Math.floor(nowMs) : before.revision + 1;
  return { revision, writer, refreshToken: seed, rotations: 0, seeds };
};

/**
 * True if the options have a refresh token that was not used before: a person has authorised again. A single-use seed
 * that was used before is spent, so a rollback of the configuration to it changes nothing.
 */
export const isNewSeed = (record: RefreshRecord, seed: string, singleUse: boolean): boolean => {
  const digest = digestOf(seed);
  return singleUse ? !record.seeds.includes(digest) : record.seeds.at(-1) !== digest;
};

/** The last exchange of the record's token that may have taken place. */
export const lastIntent = (record: RefreshRecord): Intent | undefined =>
  record.intent?.token === digestOf(record.refreshToken) ? record.intent : undefined;

/** The last exchange that may have taken place, if its outcome is unknown. */
export const openIntent = (record: RefreshRecord): Intent | undefined => {
  const intent = lastIntent(record);
  return intent?.refused ? undefined : intent;
};

/** The record with another intent, or with none. */
export const withIntent = (record: RefreshRecord, writer: string, intent: Intent | undefined): RefreshRecord => {
  const { intent: _old, ...rest } = record;
  return { ...rest, revision: record.revision + 1, writer, ...(intent === undefined ? {} : { intent }) };
};

/** The record after an answer; if the answer has no refresh token, the old one stays valid (RFC 6749 §6). */
export const afterAnswer = (record: RefreshRecord, writer: string, refreshToken: string | undefined): RefreshRecord => {
  const settled = withIntent(record, writer, undefined);
  if (refreshToken === undefined || refreshToken === record.refreshToken) return settled;
  return { ...settled, refreshToken, rotations: record.rotations + 1 };
};

/** True if this failure leaves it open whether a single-use refresh token was spent. */
export const leavesOpen = (failure: ProviderError): boolean => {
  const { status, reason } = failure;
  if (status !== undefined && status >= 300) return status >= 500 && status !== 503;
  if (reason === 'oauth_error') return false;
  return mayHaveBeenRead(failure);
};

/**
 * Chooses between the record in shared memory and the one in the file.
 *
 * The newer one is valid, with one exception. An intent goes to the file first and to memory second, and the request is
 * sent after both. So if this supervisor's own intent is in the file and memory is one step behind, the request was
 * never sent.
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

/** Parses a record from its JSON; undefined if it is invalid. */
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

/** At most half of the largest safe integer, so that a number read can be incremented and read again. */
const isCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= Number.MAX_SAFE_INTEGER / 2;

export const recordAsJson = (record: RefreshRecord): Json => record as unknown as Json;

/**
 * True if the intent is of the token beside it. An intent of another token would count as none, and a token that may be
 * spent would be sent again.
 */
const isIntentOf = (refreshToken: string, value: Partial<Record<keyof Intent, unknown>> | null): boolean =>
  isCount(value?.attempt) &&
  isCount(value.replays) &&
  value.token === digestOf(refreshToken) &&
  (value.refused === undefined || value.refused === true);
