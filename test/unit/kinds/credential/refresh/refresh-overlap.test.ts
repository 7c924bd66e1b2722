import { describe, expect, test } from 'vitest';
import {
  failureOf,
  RefreshDriver,
  START,
  type RequestSeen,
  type ServerPlan,
} from '../../../../support/refresh-driver.js';

const HOUR = 3_600_000;
const OVERLAP_MS = 600_000;
const good: ServerPlan = { latencyMs: 50, lifetime: { lifeMs: HOUR } };
const refusal = (latencyMs = 50, retryAfterMs?: number): ServerPlan => ({
  latencyMs,
  failure: failureOf({
    class: 'fatal',
    reason: 'oauth_error',
    oauthError: 'invalid_client',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }),
});
const bad = (change: Parameters<typeof failureOf>[0], latencyMs = 50): ServerPlan => ({
  latencyMs,
  failure: failureOf(change),
});

/** A server that says of each of the two secrets what it makes of it. */
const knows =
  (newer: ServerPlan, older: ServerPlan) =>
  ({ previous }: RequestSeen): ServerPlan =>
    previous ? older : newer;

/** A token has been minted 10 s ago; the secret is rotated now. */
const rotated = (
  newer: ServerPlan,
  older: ServerPlan,
  { overlapMs = OVERLAP_MS, singleUse = false, random = (): number => 0.5 } = {},
): RefreshDriver => {
  const driver = new RefreshDriver({ policy: { singleUse }, server: () => good, random }).start().advance(10_000);
  driver.server = knows(newer, older);
  return driver.update(driver.overlap(overlapMs));
};

/** Since the rotation: when each request was sent, and with which secret. */
const asked = (driver: RefreshDriver): [number, 'new' | 'old'][] =>
  driver.requests.slice(1).map(({ monoMs, previous }) => [monoMs - START.monoMs - 10_000, previous ? 'old' : 'new']);

describe('an overlap', () => {
  test('begins with the newer secret; if that one is known, the older is not needed', () => {
    const driver = rotated(good, refusal());
    expect(driver.read()?.generation).toBe(1);
    driver.advance(2_000_000);
    expect(asked(driver)).toEqual([[0, 'new']]);
    expect(driver.told('mint:started').at(-1)).toEqual({ type: 'mint:started', attempt: 2 });
    expect(driver.told('mint:succeeded').at(-1)).not.toHaveProperty('previous');
  });

  test('the older comes a second after the newer was refused, and the events say so', () => {
    const driver = rotated(refusal(), good).advance(60);
    expect(driver.status()).toMatchObject({
      state: 'degraded',
      failures: 1,
      lastFailure: { oauthError: 'invalid_client' },
      nextAttemptAtMs: START.wallMs + 11_000,
    });
    expect(driver.told('mint:failed')).toEqual([
      expect.objectContaining({ attempt: 2, consecutive: 1, nextAttemptAtMs: START.wallMs + 11_000 }),
    ]);
    expect(driver.told('mint:failed')[0]).not.toHaveProperty('previous');
    driver.advance(939);
    expect(asked(driver)).toEqual([[0, 'new']]);
    driver.advance(60);
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [1_000, 'old'],
    ]);
    expect(driver.told('mint:started').at(-1)).toEqual({ type: 'mint:started', attempt: 3, previous: true });
    expect(driver.told('mint:succeeded').at(-1)).toMatchObject({ attempt: 3, generation: 2, previous: true });
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
    expect(driver.read()?.generation).toBe(2);
  });

  test('each refresh within it tries the newer first', () => {
    const driver = rotated(refusal(), good, { overlapMs: 3 * HOUR, random: () => 0 }).advance(2_500_000 + HOUR);
    const first = 1_000 + HOUR - 300_000;
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [1_000, 'old'],
      [first, 'new'],
      [first + 1_000, 'old'],
    ]);
  });

  test('a refusal that says when to come again is obeyed', () => {
    const driver = rotated(refusal(50, 7_000), good).advance(8_000);
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [7_050, 'old'],
    ]);
  });

  test('both refused: it backs off, tries both again, and does not park', () => {
    const driver = rotated(refusal(), refusal()).advance(OVERLAP_MS - 40_000);
    const which = asked(driver).map(([, secret]) => secret);
    expect(which.length).toBeGreaterThan(20);
    expect(which).toEqual(which.map((_, index) => (index % 2 === 0 ? 'new' : 'old')));
    expect(driver.told('child:parked')).toHaveLength(0);
    expect(driver.told('mint:failed').every((told) => 'nextAttemptAtMs' in told)).toBe(true);
    expect(driver.status().state).toBe('degraded');
    driver.server = knows(good, refusal());
    driver.advance(31_100);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
  });

  test('after its end a refusal parks, and the older secret is not tried', () => {
    const driver = rotated(refusal(), refusal(), { overlapMs: 30_000 }).advance(200_000);
    expect(driver.status()).toMatchObject({ state: 'parked', parked: { why: 'fatal_answer' } });
    const late = asked(driver).filter(([atMs]) => atMs >= 30_000);
    expect(late.map(([, which]) => which)).toEqual(['new']);
    expect(driver.read()?.generation).toBe(1);
  });

  test('what the newer was asked within it and answered after it does not park: one more is made after it', () => {
    const driver = rotated(refusal(3_000), good, { overlapMs: 2_000 }).advance(2_999);
    driver.server = knows(refusal(), good);
    driver.advance(50);
    expect(driver.told('child:parked')).toHaveLength(0);
    driver.advance(10);
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [3_000, 'new'],
    ]);
    expect(driver.status().state).toBe('parked');
  });

  test('what the older was asked within it says nothing of the newer: the newer has its turn, and no probe is waited for', () => {
    const driver = rotated(refusal(), refusal(3_000), { overlapMs: 2_000, singleUse: true }).advance(3_900);
    driver.server = knows(good, good);
    driver.advance(10_000);
    expect(asked(driver).map(([, which]) => which)).toEqual(['new', 'old', 'new']);
    expect(driver.told('child:parked')).toHaveLength(0);
    expect(driver.status().state).toBe('fresh');
  });

  test.each([
    { class: 'fatal', reason: 'secret_unreadable' },
    { class: 'fatal', reason: 'oauth_error', oauthError: 'invalid_scope' },
    { class: 'transient', reason: 'timed_out' },
  ] as const)('whatever the older meets ($reason), it does not park', (failure) => {
    const driver = rotated(refusal(), bad(failure)).advance(20_000);
    expect(driver.told('child:parked')).toHaveLength(0);
    expect(driver.told('mint:failed')[1]).toMatchObject({ previous: true, failure });
    expect(asked(driver)[2]?.[1]).toBe('new');
  });

  test('what the newer meets that is no refusal of the secret parks as ever, and the older is not tried', () => {
    const driver = rotated(bad({ class: 'fatal', oauthError: 'invalid_scope' }), good).advance(20_000);
    expect(asked(driver)).toEqual([[0, 'new']]);
    expect(driver.status()).toMatchObject({ state: 'parked', parked: { why: 'fatal_answer' } });
    const away = rotated(bad({ reason: 'connect_failed' }), good).advance(20_000);
    expect(asked(away).every(([, which]) => which === 'new')).toBe(true);
  });

  test('a probe that is refused has its second half as well', () => {
    const driver = rotated(bad({ class: 'fatal', oauthError: 'invalid_scope' }), good, { overlapMs: HOUR });
    driver.advance(299_000);
    driver.server = knows(refusal(), good);
    driver.advance(3_000);
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [300_050, 'new'],
      [301_050, 'old'],
    ]);
    expect(driver.status().state).toBe('fresh');
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'probe' }]);
  });

  test('is replaced by the next update(), which may have none', () => {
    const driver = rotated(refusal(), good).advance(500);
    driver.update(driver.overlap(1_000)).advance(400);
    expect(asked(driver)).toEqual([[0, 'new']]);
    driver.advance(200);
    // The older one is not tried for the rotation before: the newest is, first.
    expect(asked(driver).map(([, which]) => which)).toEqual(['new', 'new']);
    const without = rotated(refusal(), good).advance(500).update().advance(2_000);
    expect(asked(without).map(([, which]) => which)).toEqual(['new', 'new']);
    expect(without.status().state).toBe('parked');
  });

  test('survives a crash: whatever it was about to try, the newer comes first, the floor holds', () => {
    const driver = rotated(refusal(), good).advance(500).crash().start();
    driver.advance(3_000);
    expect(asked(driver)).toEqual([
      [0, 'new'],
      [1_000, 'new'],
      [2_000, 'old'],
    ]);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
    expect(driver.read()?.generation).toBe(2);
    driver.crash().start().advance(60_000);
    expect(asked(driver)).toHaveLength(3);
  });
});

describe('a single-use exchange', () => {
  const singleUse = { singleUse: true };

  test('of the older configuration is waited for, published, and then the newer one is proved', () => {
    const driver = new RefreshDriver({ policy: singleUse, server: () => good }).start().advance(10_000);
    driver.server = () => ({ latencyMs: 3_000, lifetime: { lifeMs: HOUR } });
    driver.want().advance(100);
    driver.server = knows(refusal(), good);
    driver.update(driver.overlap(OVERLAP_MS)).advance(2_900);
    expect(driver.cancelled).toEqual([]);
    expect(driver.read()?.generation).toBe(2);
    driver.advance(2_000);
    expect(driver.requests.slice(2).map(({ previous }) => previous)).toEqual([undefined, true]);
    expect(driver.read()?.generation).toBe(3);
  });

  test('a word of a user that was not used up goes on to the older secret, and back to the newer', () => {
    const driver = rotated(refusal(), refusal(), singleUse).advance(5_000);
    expect(driver.requests.slice(1).map(({ resumed }) => resumed)).toEqual(driver.requests.slice(1).map(() => true));
    expect(driver.requests.length).toBeGreaterThan(3);
    driver.server = () => good;
    driver.advance(31_100).want().advance(2_000);
    expect(driver.requests.slice(-2).map(({ resumed }) => resumed)).toEqual([true, false]);
  });

  test('an exchange that may have spent the token uses it up', () => {
    const lost = bad({ reason: 'exchange_interrupted' });
    const driver = rotated(lost, good, { ...singleUse, random: () => 0 }).advance(1_100);
    expect(driver.requests.slice(1).map(({ resumed }) => resumed)).toEqual([true, false]);
  });

  test('that ends ambiguous parks, whichever secret it was made with, and whatever the server called it', () => {
    const ambiguous = bad({ class: 'ambiguous', reason: 'exchange_interrupted', oauthError: 'invalid_client' });
    for (const driver of [rotated(ambiguous, good, singleUse), rotated(refusal(), ambiguous, singleUse)]) {
      driver.advance(OVERLAP_MS + HOUR);
      expect(driver.status().parked).toEqual({ why: 'ambiguous_exchange' });
      expect(driver.requests.length).toBeLessThanOrEqual(3);
    }
  });
});

describe('an update() that no actor hears', () => {
  const parked = (singleUse: boolean): RefreshDriver =>
    new RefreshDriver({ policy: { singleUse }, server: () => refusal() }).start().advance(10_000);

  test.each([false, true])('un-parks the next one (single-use: %s), which proves it', (singleUse) => {
    const driver = parked(singleUse).crash();
    driver.server = () => good;
    driver.plan().start().advance(50);
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'update' }]);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, true]);
  });

  test('un-parks once: a further start is one as ever', () => {
    const driver = parked(true).crash().plan().start().advance(5_000);
    expect(driver.requests).toHaveLength(2);
    expect(driver.status().state).toBe('parked');
    driver.crash().start().advance(HOUR);
    expect(driver.requests).toHaveLength(2);
    expect(driver.told('child:resumed')).toHaveLength(1);
  });

  test('is proved though the token is good, and is proved again if the thread dies over it', () => {
    const driver = new RefreshDriver({ server: () => good }).start().advance(10_000);
    driver.server = () => 'hangs';
    driver.update().advance(10).crash();
    driver.server = () => good;
    driver.start().advance(2_000);
    expect(driver.requests).toHaveLength(3);
    expect(driver.read()?.generation).toBe(2);
    driver
      .crash()
      .start()
      .advance(HOUR / 2);
    expect(driver.requests).toHaveLength(3);
  });

  test('of a child that has never run is nothing new to it', () => {
    const driver = new RefreshDriver({ server: () => good }).plan().start().advance(10_000);
    driver.crash().start().advance(10_000);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false]);
    expect(driver.told('child:resumed')).toHaveLength(0);
  });
});

describe('a source that has changed', () => {
  const unavailable = bad({ reason: 'token_unavailable' });

  test('is minted from, though the token is good, at the floor', () => {
    const driver = new RefreshDriver({ server: () => good }).start().advance(100).sourceChanged();
    driver.advance(60_000);
    expect(driver.requests.map(({ monoMs }) => monoMs - START.monoMs)).toEqual([0, 1_000]);
  });

  test('ends the wait for it', () => {
    const driver = new RefreshDriver({ policy: { retryEveryMs: HOUR }, server: () => unavailable }).start();
    driver.advance(10_000);
    driver.server = () => good;
    driver.sourceChanged().advance(50);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
  });

  test('un-parks what a fatal answer has parked, whose token it may have been', () => {
    const driver = new RefreshDriver({ server: () => refusal() }).start().advance(10_000);
    driver.server = () => good;
    driver.sourceChanged().advance(50);
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'token' }]);
    expect(driver.status().state).toBe('fresh');
  });

  test('does not un-park an ambiguous exchange', () => {
    const ambiguous = bad({ class: 'ambiguous', reason: 'exchange_interrupted' });
    const driver = new RefreshDriver({ policy: { singleUse: true }, server: () => ambiguous }).start();
    driver.advance(10_000).sourceChanged().advance(HOUR);
    expect(driver.requests).toHaveLength(1);
    expect(driver.status().parked).toEqual({ why: 'ambiguous_exchange' });
  });

  test('lifts no other hold: not the back-off, not what a server has asked for, not of one that is parked', () => {
    for (const plan of [
      bad({ reason: 'http_status', retryAfterMs: 60_000 }),
      bad({ class: 'fatal', reason: 'http_status', retryAfterMs: 60_000 }),
    ]) {
      const driver = new RefreshDriver({ server: () => plan }).start().advance(10_000);
      driver.sourceChanged().advance(50_049);
      expect(driver.requests).toHaveLength(1);
      driver.advance(1);
      expect(driver.requests).toHaveLength(2);
    }
  });

  test('again and again is no storm: the floor holds', () => {
    const driver = new RefreshDriver({ server: () => unavailable }).start();
    for (let i = 0; i < 100; i++) driver.sourceChanged().advance(100);
    expect(driver.requests.length).toBeLessThanOrEqual(11);
  });
});
