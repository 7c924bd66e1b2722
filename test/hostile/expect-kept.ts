/** Holds what came of a fault against what is promised of it. */
import { expect } from 'vitest';
import type { Met } from './lanes.js';
import type { Entry, Promised } from './promises.js';

/** The time of an attempt that the server ends: long enough that it never ends it. */
export const LONG_MS = 8_000;
/** Of one that nobody else ends. */
export const SHORT_MS = 1_500;
/** How much later than its bound an attempt may be over, on a machine that is busy. */
const SLACK_MS = 2_500;

/** What is promised of an attempt, whatever the fault. */
export const expectKept = (promised: Promised, over: Entry['over'], result: Met): void => {
  const { outcome, failure, before, meanwhile, after, tookMs, nextInMs, openSockets } = result;
  const { retryAfterMs, lifeMs, outcome: _outcome, ...named } = promised;
  expect({ outcome, ...failure }).toMatchObject({ outcome: promised.outcome, ...named });
  if (promised.outcome === 'token') {
    expect(failure).toBeUndefined();
    expect(meanwhile.generation).toBe(before.generation + 1);
    if (lifeMs !== undefined) expect(meanwhile.expiresAtMs - meanwhile.issuedAtMs).toBe(lifeMs);
  } else {
    expect(meanwhile.value).toBe(before.value);
    expect(after.generation).toBe(before.generation + 1);
  }
  if (named.oauthError === undefined) expect(failure ?? {}).not.toHaveProperty('oauthError');
  if (retryAfterMs === 'none') expect(failure).not.toHaveProperty('retryAfterMs');
  else if (retryAfterMs === 'over an hour') {
    expect(failure?.retryAfterMs).toBeGreaterThan(3_600_000);
    expect(nextInMs).toBeLessThanOrEqual(3_600_001);
    expect(nextInMs).toBeGreaterThan(3_599_000);
  } else if (retryAfterMs !== undefined) {
    expect(failure?.retryAfterMs).toBe(retryAfterMs);
    expect(nextInMs).toBeGreaterThan(retryAfterMs - 1_000);
  }
  if (over === 'at_timeout') expect(tookMs).toBeGreaterThanOrEqual(SHORT_MS - 20);
  expect(tookMs).toBeLessThan(over === 'at_timeout' ? SHORT_MS + SLACK_MS : LONG_MS - 500);
  expect(openSockets).toBe(0);
};
