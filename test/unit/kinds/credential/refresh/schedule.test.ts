import { describe, expect, test } from 'vitest';
import {
  ageMs,
  anchored,
  backOffMs,
  invalidateFloorMs,
  leastRetryMs,
  readLifetime,
  tokenSpans,
  tokenTimes,
} from '../../../../../src/kinds/credential/refresh/schedule.js';
import { policyOf } from '../../../../support/refresh-driver.js';

const HOUR = 3_600_000;
const least = (): number => 0;
const most = (): number => 0.999_999;

describe('readLifetime', () => {
  const NOW = 1_900_000_000_000;
  const lifeOf = (claimed: object): unknown => {
    const reading = readLifetime(claimed, NOW);
    return reading.ok ? reading.lifetime.lifeMs : reading.failure.reason;
  };

  test.each([
    [3600, HOUR],
    ['3600', HOUR],
    [' 3600.5 ', 3_600_500],
    ['+60', 60_000],
    [0.5, 500],
  ])('expires_in %j is seconds', (expiresInS, expected) => {
    expect(lifeOf({ expiresInS })).toBe(expected);
  });

  test.each([[undefined], [null]])('expires_in %j is missing', (expiresInS) => {
    expect(readLifetime({ expiresInS }, NOW)).toEqual({ ok: true, lifetime: {} });
  });

  test.each([0, -1, '0', '-3600'])('expires_in %j is an answer that is expired', (expiresInS) => {
    expect(readLifetime({ expiresInS }, NOW)).toMatchObject({
      ok: false,
      failure: { class: 'transient', reason: 'expired_answer' },
    });
  });

  test.each(['', 'soon', '0x10', '12abc', 'Infinity', NaN, true, [3600], { s: 1 }])(
    'expires_in %j is malformed',
    (expiresInS) => {
      expect(readLifetime({ expiresInS }, NOW)).toMatchObject({
        ok: false,
        failure: { class: 'transient', reason: 'malformed_answer' },
      });
    },
  );

  test('the message of a malformed answer has nothing of the answer in it', () => {
    const reading = readLifetime({ expiresInS: 'secret-text' }, NOW);
    expect(JSON.stringify(reading)).not.toContain('secret-text');
    expect(JSON.stringify(reading)).toContain('string');
  });

  test('an instant is counted from when the request was sent', () => {
    expect(lifeOf({ expiresAtMs: NOW + 60_000 })).toBe(60_000);
    expect(lifeOf({ expiresAtMs: NOW })).toBe('expired_answer');
    expect(lifeOf({ expiresAtMs: Infinity })).toBe(Infinity);
    expect(lifeOf({ expiresAtMs: '1900000060000' })).toBe('malformed_answer');
    expect(lifeOf({ expiresAtMs: NaN })).toBe('malformed_answer');
  });

  test('of a span and an instant the earlier end counts', () => {
    expect(lifeOf({ expiresInS: 60, expiresAtMs: NOW + 30_000 })).toBe(30_000);
    expect(lifeOf({ expiresInS: 20, expiresAtMs: NOW + 30_000 })).toBe(20_000);
  });

  test('a life of centuries is never', () => {
    expect(lifeOf({ expiresInS: 1e12 })).toBe(Infinity);
  });

  test('a refresh hint that can not be read is no hint', () => {
    expect(readLifetime({ expiresInS: 60, refreshInS: '30' }, NOW)).toMatchObject({
      lifetime: { refreshInMs: 30_000 },
    });
    expect(readLifetime({ expiresInS: 60, refreshInS: 'soon' }, NOW)).toEqual({
      ok: true,
      lifetime: { lifeMs: 60_000 },
    });
  });
});

describe('tokenSpans', () => {
  test.each([
    ['a quarter of the life ahead', { lifeMs: 100_000 }, {}, 75_000],
    ['at most 5 minutes ahead', { lifeMs: HOUR }, {}, HOUR - 300_000],
    ['by an explicit lead', { lifeMs: HOUR }, { leadMs: 600_000 }, HOUR - 600_000],
    ['by an explicit lead of at most 90 % of the life', { lifeMs: HOUR }, { leadMs: 86_400_000 }, HOUR * 0.1],
    ['in time, though the lead is 0', { lifeMs: 100_000 }, { leadMs: 0 }, 85_000],
    ['at the hint', { lifeMs: HOUR, refreshInMs: 1_800_000 }, { leadMs: 60_000 }, 1_800_000],
    ['not before 10 % of the life', { lifeMs: HOUR, refreshInMs: 0 }, {}, 360_000],
    ['at the interval, if that is earlier', { lifeMs: HOUR }, { refreshEveryMs: 60_000 }, 60_000],
    ['before the expiry, if the interval is later', { lifeMs: 100_000 }, { refreshEveryMs: HOUR }, 75_000],
    ['at the interval, with no expiry', {}, { refreshEveryMs: 60_000 }, 60_000],
    ['never, with no expiry and none assumed', {}, { assumeLifetimeMs: 'never' as const }, Infinity],
    ['by the assumed life', {}, {}, 225_000],
    ['at the hint, with no end', { lifeMs: Infinity, refreshInMs: 60_000 }, {}, 60_000],
    ['not at a hint of 0, with no end', { lifeMs: Infinity, refreshInMs: 0 }, {}, 10_000],
  ])('refreshes %s', (_, lifetime, policy, expected) => {
    expect(tokenSpans(lifetime, policyOf(policy), least).refreshAfterMs).toBe(expected);
  });

  test('jitter takes off up to 5 % of the life', () => {
    const early = tokenSpans({ lifeMs: HOUR }, policyOf(), most).refreshAfterMs;
    expect(early).toBeGreaterThanOrEqual(HOUR - 300_000 - HOUR * 0.05);
    expect(early).toBeLessThan(HOUR - 300_000 - HOUR * 0.049);
  });

  test('a hint past the end is met before readers have to stop, within the jitter of 5 %', () => {
    const spans = tokenSpans({ lifeMs: HOUR, refreshInMs: 2 * HOUR }, policyOf(), least);
    expect(spans.refreshAfterMs).toBeLessThan(spans.usableForMs);
    expect(spans.refreshAfterMs).toBeGreaterThanOrEqual(spans.usableForMs - HOUR * 0.05);
  });

  test.each([
    ['10 s', { lifeMs: HOUR }, {}, HOUR - 10_000],
    ['10 % of a short life', { lifeMs: 20_000 }, {}, 18_000],
    ['an explicit margin', { lifeMs: HOUR }, { marginMs: 60_000 }, HOUR - 60_000],
    ['none', { lifeMs: HOUR }, { marginMs: 0 }, HOUR],
    ['at most 40 % of the life', { lifeMs: 100_000 }, { marginMs: HOUR }, 60_000],
  ])('the margin is %s', (_, lifetime, policy, expected) => {
    expect(tokenSpans(lifetime, policyOf(policy), least).usableForMs).toBe(expected);
  });

  test('an interval and no expiry: the token never expires on read, whatever life is assumed', () => {
    const spans = tokenSpans({}, policyOf({ refreshEveryMs: 60_000, assumeLifetimeMs: 10_000 }), least);
    expect(spans).toEqual({ lifeMs: Infinity, usableForMs: Infinity, refreshAfterMs: 60_000 });
  });
});

describe('clocks', () => {
  const sentAt = { wallMs: 1_000_000, monoMs: 500 };

  test('age is what the clock says on which more time has passed', () => {
    expect(ageMs(sentAt, { wallMs: 1_010_000, monoMs: 10_500 })).toBe(10_000);
    expect(ageMs(sentAt, { wallMs: 1_000_000 - 86_400_000, monoMs: 10_500 })).toBe(10_000);
    expect(ageMs(sentAt, { wallMs: 1_000_000 + 86_400_000, monoMs: 10_500 })).toBe(86_400_000);
  });

  test('a moment is anchored anew where the clocks have parted, by the greater age', () => {
    const back = anchored(sentAt, { wallMs: 1_010_000 - 30_000, monoMs: 10_500 });
    expect(back).toEqual({ wallMs: 970_000, monoMs: 500 });
    const forward = anchored(sentAt, { wallMs: 1_010_000 + 30_000, monoMs: 10_500 });
    expect(forward).toEqual({ wallMs: 1_000_000, monoMs: -29_500 });
    expect(anchored(sentAt, { wallMs: 1_010_099, monoMs: 10_500 })).toBe(sentAt);
    expect(anchored(sentAt, { wallMs: 1_009_901, monoMs: 10_500 })).toBe(sentAt);
  });

  test('times are wall times from there', () => {
    expect(tokenTimes({ lifeMs: 60_000, usableForMs: 54_000, refreshAfterMs: 45_000 }, sentAt)).toEqual({
      issuedAtMs: 1_000_000,
      expiresAtMs: 1_060_000,
      usableUntilMs: 1_054_000,
      refreshAtMs: 1_045_000,
    });
  });
});

describe('back-off', () => {
  const waits = (isServed: boolean): number[] =>
    [1, 2, 3, 4, 5, 6, 7, 8, 2_000].map((failures) => Math.round(backOffMs(failures, isServed, most)));

  test('doubles from 500 to 30,000', () => {
    expect(waits(true)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('doubles to 5,000 while no token can be served', () => {
    expect(waits(false)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000]);
  });

  test('has full jitter', () => {
    expect(backOffMs(7, true, () => 0.5)).toBe(15_000);
    expect(backOffMs(7, false, () => 0.5)).toBe(2_500);
    expect(backOffMs(7, true, least)).toBe(0);
  });
});

describe('the least wait after a failure', () => {
  test('is the floor, or a fixed retry', () => {
    expect(leastRetryMs(undefined, policyOf())).toBe(1_000);
    expect(leastRetryMs(undefined, policyOf({ retryEveryMs: 5_000 }))).toBe(5_000);
    expect(leastRetryMs(undefined, policyOf({ retryEveryMs: 10 }))).toBe(1_000);
  });

  test('is what Retry-After asks for, of at most an hour', () => {
    expect(leastRetryMs(20_000, policyOf())).toBe(20_000);
    expect(leastRetryMs(1, policyOf())).toBe(1_000);
    expect(leastRetryMs(86_400_000, policyOf())).toBe(HOUR);
    expect(leastRetryMs(20_000, policyOf({ retryEveryMs: 5_000 }))).toBe(20_000);
  });
});

test('an invalidation waits for the smaller of 10 s and 10 % of the life', () => {
  expect(invalidateFloorMs(HOUR)).toBe(10_000);
  expect(invalidateFloorMs(30_000)).toBe(3_000);
  expect(invalidateFloorMs(Infinity)).toBe(10_000);
});
