/**
 * Decides whether readers may trust the table: when the store is opened, loaded and polled, and for how long the result
 * is valid. A pure function: (state, event, now) to the next state and its effects.
 */
import type { Instant } from '../../core/clock.js';
import { VALID_FOREVER, VALID_NEVER } from '../../memory/valid-until.js';

export interface FreshnessPolicy {
  /** How old the last successful poll of a shared store may be: ms. */
  readonly maxStalenessMs: number;
}

/** A task at the store. */
export type StoreTask = 'open' | 'load' | 'look';

export interface FreshnessState {
  /** The task in progress. */
  readonly task: StoreTask | undefined;
  /** The next task, if none is in progress: open, load, then look repeatedly. */
  readonly next: StoreTask;
  /** No other process can ever write to the store: a load is valid for ever. */
  readonly exclusive: boolean;
  /** No other process writes to it now: it is locked, as far as is known. */
  readonly held: boolean;
  /** When the next task is due (monotonic); undefined: never, or one is in progress. */
  readonly dueMonoMs: number | undefined;
  /** Something has changed since the task in progress began. */
  readonly changed: boolean;
  /**
   * The wall clock was stepped since it began: the machine may have been suspended meanwhile, so its result is not
   * trusted.
   */
  readonly stepped: boolean;
  /** Failures in a row. */
  readonly failures: number;
  /** The word that readers check. */
  readonly validUntilS: number;
  /** The same instant on the monotonic clock: `Infinity` for ever. */
  readonly validUntilMonoMs: number;
  /** The last event emitted; undefined: none yet. */
  readonly told: 'opened' | 'closed' | undefined;
}

export type FreshnessEvent =
  /** The actor starts, and finds this word from a former incarnation. `exclusive`: as of the store. */
  | { readonly kind: 'started'; readonly validUntilS: number; readonly exclusive: boolean }
  | { readonly kind: 'store_opened'; readonly exclusive: boolean; readonly held?: boolean }
  /** Every entry that existed when it `began` is in the table. */
  | { readonly kind: 'loaded' | 'looked'; readonly began: Instant; readonly held?: boolean }
  | { readonly kind: 'failed' }
  /** The store has notified of a change. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'clock_stepped' }
  | { readonly kind: 'woken' };

export type FreshnessEffect =
  | { readonly kind: 'start'; readonly task: StoreTask }
  | { readonly kind: 'valid_until'; readonly second: number }
  /** Replaces any earlier wake; undefined: never. */
  | { readonly kind: 'wake'; readonly atMonoMs: number | undefined }
  | { readonly kind: 'tell'; readonly what: 'opened' | 'closed' };

export const initialFreshness: FreshnessState = {
  task: undefined,
  next: 'open',
  exclusive: false,
  held: false,
  dueMonoMs: undefined,
  changed: false,
  stepped: false,
  failures: 0,
  validUntilS: VALID_NEVER,
  validUntilMonoMs: 0,
  told: undefined,
};

const RETRY = { baseMs: 100, maxMs: 2_000 } as const;

/** The word is in whole seconds, rounded down, so a poll is valid for up to a second less than the bound. */
const ROUNDING_MS = 1_000;
/** The shortest bound that leaves room for a poll that is a second late. */
export const MIN_STALENESS_MS = 2 * ROUNDING_MS;

/** Four polls within the validity of the first: three may fail. */
export const pollEveryMs = ({ maxStalenessMs }: FreshnessPolicy): number => (maxStalenessMs - ROUNDING_MS) / 4;

/** Up to a fifth less, so that processes that start together do not poll together. */
const jittered = (spanMs: number, random: () => number): number => spanMs * (1 - random() / 5);

const retryMs = (failures: number, random: () => number): number =>
  jittered(Math.min(RETRY.baseMs * 2 ** (failures - 1), RETRY.maxMs), random);

const begin = (state: FreshnessState, now: Instant): FreshnessState =>
  state.task ? state : { ...state, dueMonoMs: now.monoMs };

/** Sets the word to that second, and the same instant on the other clock. */
const validUntil = (state: FreshnessState, untilWallMs: number, now: Instant): FreshnessState => {
  const validUntilS = Math.max(0, Math.floor(untilWallMs / 1_000));
  return { ...state, validUntilS, validUntilMonoMs: now.monoMs + (validUntilS * 1_000 - now.wallMs) };
};

/**
 * Extends the validity from when a poll began. The poll's age is the larger one by the two clocks: the wall clock can
 * be set back, and the monotonic one stands still in a suspend.
 */
const validFrom = (state: FreshnessState, began: Instant, policy: FreshnessPolicy, now: Instant): FreshnessState => {
  if (state.exclusive) return { ...state, validUntilS: VALID_FOREVER, validUntilMonoMs: Infinity };
  const ageMs = Math.max(now.monoMs - began.monoMs, now.wallMs - began.wallMs);
  return validUntil(state, now.wallMs - ageMs + policy.maxStalenessMs, now);
};

/**
 * A former incarnation's word stays valid, but no longer than after a poll now: the word itself is moved, because this
 * incarnation may end before it polls. Only an exclusive store is trusted for ever.
 */
const adopt = (
  state: FreshnessState,
  { validUntilS: word, exclusive }: Extract<FreshnessEvent, { kind: 'started' }>,
  policy: FreshnessPolicy,
  now: Instant,
): FreshnessState => {
  if (word === VALID_NEVER) return state;
  const longestMs = now.wallMs + policy.maxStalenessMs;
  if (exclusive && word === VALID_FOREVER)
    return { ...state, validUntilS: word, validUntilMonoMs: now.monoMs + policy.maxStalenessMs, told: 'opened' };
  return { ...validUntil(state, Math.min(word * 1_000, longestMs), now), told: 'opened' };
};

/**
 * Keeps the word at most as far ahead as the time left on the monotonic clock: if the wall clock is set back, the word
 * moves back with it. A step forward can't be distinguished from a suspend, in which others may have written: the word
 * stays, so that it may have expired, and the store is polled again.
 */
const followClock = (state: FreshnessState, now: Instant): FreshnessState => {
  if (state.exclusive || state.validUntilS === VALID_FOREVER) return state;
  const looks = state.next === 'look' ? begin(state, now) : state;
  const stepped: FreshnessState = { ...looks, stepped: true };
  if (state.validUntilS === VALID_NEVER) return stepped;
  const leftMs = state.validUntilMonoMs - now.monoMs;
  return validUntil(stepped, Math.min(state.validUntilS * 1_000, now.wallMs + leftMs), now);
};

const take = (
  state: FreshnessState,
  event: FreshnessEvent,
  policy: FreshnessPolicy,
  now: Instant,
  random: () => number,
): FreshnessState => {
  switch (event.kind) {
    case 'started':
      return begin(adopt(state, event, policy, now), now);
    case 'store_opened': {
      const { exclusive, held = exclusive } = event;
      const opened: FreshnessState = { ...state, task: undefined, failures: 0, exclusive, held, next: 'load' };
      // No other process can have written meanwhile: the earlier load stays valid while it is loaded again.
      const stillValid = exclusive && state.validUntilS === VALID_FOREVER;
      return begin({ ...opened, ...(stillValid && { validUntilMonoMs: Infinity }) }, now);
    }
    case 'loaded':
    case 'looked': {
      const held = state.held || event.held === true;
      const done: FreshnessState = { ...state, task: undefined, failures: 0, next: 'look', changed: false, held };
      if (state.exclusive) return { ...validFrom(done, event.began, policy, now), dueMonoMs: undefined };
      const valid = state.stepped ? done : validFrom(done, event.began, policy, now);
      return {
        ...valid,
        dueMonoMs: state.changed || state.stepped ? now.monoMs : now.monoMs + jittered(pollEveryMs(policy), random),
      };
    }
    case 'failed': {
      const failures = state.failures + 1;
      // Another process may have held the lock since: everything is loaded again, and the validity is no longer
      // extended.
      const next = state.held && state.next === 'look' ? 'load' : state.next;
      const failed: FreshnessState = { ...state, task: undefined, next, held: false, failures };
      return { ...failed, dueMonoMs: now.monoMs + retryMs(failures, random) };
    }
    case 'changed':
      if (state.next !== 'look' || state.exclusive) return state;
      return state.task ? { ...state, changed: true } : begin(state, now);
    case 'clock_stepped':
      return followClock(state, now);
    case 'woken':
      return state;
  }
};

/** While a locked store is loaded again, the earlier load stays valid: when this much of it is left, it is extended. */
const renewAt = (state: FreshnessState, policy: FreshnessPolicy): number | undefined =>
  state.held && !state.exclusive && state.task === 'load' && state.validUntilS !== VALID_NEVER
    ? state.validUntilMonoMs - policy.maxStalenessMs / 2
    : undefined;

const renew = (state: FreshnessState, policy: FreshnessPolicy, now: Instant): FreshnessState => {
  const atMonoMs = renewAt(state, policy);
  if (atMonoMs === undefined || now.monoMs < atMonoMs || now.monoMs >= state.validUntilMonoMs) return state;
  return validFrom(state, now, policy, now);
};

/** Closes the ledger for readers when their data is too old, and emits that once. */
const lapse = (state: FreshnessState, now: Instant): FreshnessState =>
  state.validUntilS !== VALID_NEVER && now.monoMs >= state.validUntilMonoMs
    ? { ...state, validUntilS: VALID_NEVER, validUntilMonoMs: 0 }
    : state;

const tellOf = (state: FreshnessState): FreshnessState['told'] => {
  if (state.validUntilS !== VALID_NEVER) return 'opened';
  // A successful start emits no `closed`; a failed one does.
  return state.told === undefined && state.failures === 0 ? undefined : 'closed';
};

const earliest = (...instants: readonly (number | undefined)[]): number | undefined => {
  const at = Math.min(...instants.map((instant) => instant ?? Infinity));
  return at === Infinity ? undefined : at;
};

/** Handles an event: returns the next state and the effects. */
export const freshness = (
  before: FreshnessState,
  event: FreshnessEvent,
  policy: FreshnessPolicy,
  now: Instant,
  random: () => number,
): { readonly state: FreshnessState; readonly effects: readonly FreshnessEffect[] } => {
  const taken = lapse(renew(take(before, event, policy, now, random), policy, now), now);
  const starts = !taken.task && taken.dueMonoMs !== undefined && now.monoMs >= taken.dueMonoMs;
  const started = starts ? { ...taken, task: taken.next, dueMonoMs: undefined, stepped: false } : taken;
  const state: FreshnessState = { ...started, told: tellOf(started) };
  const valid = state.validUntilS === VALID_NEVER ? undefined : state.validUntilMonoMs;
  return {
    state,
    effects: [
      ...(state.validUntilS === before.validUntilS
        ? []
        : [{ kind: 'valid_until', second: state.validUntilS } as const]),
      ...(state.told === before.told || !state.told ? [] : [{ kind: 'tell', what: state.told } as const]),
      ...(starts ? [{ kind: 'start', task: taken.next } as const] : []),
      { kind: 'wake', atMonoMs: earliest(valid, state.dueMonoMs, renewAt(state, policy)) },
    ],
  };
};
