import { describe, expect, test } from 'vitest';
import { initialRefreshState } from '../../../../../src/kinds/credential/refresh/refresh-state.js';
import { refresh } from '../../../../../src/kinds/credential/refresh/refresh.js';
import {
  failureOf,
  policyOf,
  RefreshDriver,
  scripted,
  START,
  type ServerPlan,
} from '../../../../support/refresh-driver.js';

const HOUR = 3_600_000;
const good = (lifeMs = HOUR, latencyMs = 50): ServerPlan => ({ latencyMs, lifetime: { lifeMs } });
const bad = (change: Parameters<typeof failureOf>[0] = {}, latencyMs = 50): ServerPlan => ({
  latencyMs,
  failure: failureOf(change),
});
const fatal = bad({ class: 'fatal', reason: 'oauth_error', oauthError: 'invalid_client' });
const ambiguous = bad({ class: 'ambiguous', reason: 'exchange_interrupted' });

/** When each request was sent, counted from the start. */
const sent = (driver: RefreshDriver): number[] => driver.requests.map(({ monoMs }) => monoMs - START.monoMs);

describe('the first token', () => {
  test('is minted at start, and published with times that count from when its request was sent', () => {
    const driver = new RefreshDriver({ server: () => good(HOUR, 700) }).start();
    expect(driver.status()).toMatchObject({ state: 'starting', exchanging: true, attempts: 1 });
    driver.advance(700);
    expect(driver.published).toMatchObject({
      generation: 1,
      times: {
        issuedAtMs: START.wallMs,
        expiresAtMs: START.wallMs + HOUR,
        usableUntilMs: START.wallMs + HOUR - 10_000,
      },
    });
    expect(driver.status()).toMatchObject({ state: 'fresh', mints: 1, refreshes: 0, failures: 0, exchanging: false });
    expect(driver.told('mint:succeeded')).toEqual([
      expect.objectContaining({ attempt: 1, generation: 1, expiresAtMs: START.wallMs + HOUR, tookMs: 700 }),
    ]);
  });

  test('waits for somebody to want it with eager: false, and is kept fresh from then on', () => {
    const driver = new RefreshDriver({ policy: { eager: false }, server: () => good(100_000) }).start();
    driver.advance(HOUR);
    expect(driver.requests).toHaveLength(0);
    expect(driver.status()).toMatchObject({ state: 'starting', exchanging: false });
    expect(driver.clock.pending()).toBe(0);
    driver.want().advance(50);
    expect(driver.read()?.generation).toBe(1);
    driver.advance(200_000);
    expect(driver.published?.generation).toBe(3);
  });

  test('a failure of a lazy first mint is tried again, as somebody still waits', () => {
    const driver = new RefreshDriver({ policy: { eager: false }, server: scripted(bad(), good()) }).start();
    driver.want().advance(2_000);
    expect(driver.read()?.generation).toBe(1);
  });
});

describe('refresh', () => {
  test('comes before the end, one request a token', () => {
    const driver = new RefreshDriver({ server: () => good(100_000) }).start().advance(50);
    driver.advance(72_400);
    expect(driver.requests).toHaveLength(1);
    driver.advance(60);
    expect(sent(driver)).toEqual([0, 72_500]);
    expect(driver.status().state).toBe('refreshing');
    driver.advance(50);
    expect(driver.status()).toMatchObject({ state: 'fresh', mints: 2, refreshes: 1 });
  });

  test('a lead longer than the life does not loop', () => {
    const driver = new RefreshDriver({ policy: { leadMs: HOUR }, server: () => good(20_000) }).start();
    driver.advance(100_000);
    expect(driver.requests.length).toBeLessThanOrEqual(100);
    expect(driver.read()).toBeDefined();
  });

  test('an interval refreshes a token without an end, and a failed round keeps it', () => {
    const driver = new RefreshDriver({
      policy: { refreshEveryMs: 60_000 },
      server: scripted({ latencyMs: 50, lifetime: {} }, bad(), { latencyMs: 50, lifetime: {} }),
    }).start();
    driver.advance(60_100);
    expect(driver.status().state).toBe('degraded');
    expect(driver.read()?.generation).toBe(1);
    expect(driver.read()?.times.expiresAtMs).toBe(Infinity);
    driver.advance(2_000);
    expect(driver.read()?.generation).toBe(2);
    expect(driver.status().state).toBe('fresh');
  });

  test('any number of wishes share the attempt in flight', () => {
    const driver = new RefreshDriver({ server: () => good() }).start();
    for (let i = 0; i < 10; i++) driver.want();
    driver.advance(50);
    expect(driver.requests).toHaveLength(1);
    driver.advance(5_000);
    for (let i = 0; i < 10; i++) driver.want();
    driver.advance(50);
    for (let i = 0; i < 10; i++) driver.send({ kind: 'requested', wanted: 2, invalidated: 0 });
    driver.advance(10_000);
    expect(driver.requests).toHaveLength(2);
  });

  test('nobody can want more than one newer token', () => {
    const driver = new RefreshDriver().start().advance(5_000);
    driver.send({ kind: 'requested', wanted: 1_000, invalidated: 0 }).advance(60_000);
    expect(driver.requests).toHaveLength(2);
  });

  test('a wake is at least a millisecond ahead, however little time is left', () => {
    const driver = new RefreshDriver({ server: scripted(good(10_000), 'hangs') }).start().advance(8_999.75);
    driver.send({ kind: 'woken' });
    expect(driver.steps.at(-1)).toEqual([{ kind: 'wake', atMonoMs: driver.clock.monoMs() + 1 }]);
  });

  test('the floor holds back a wish, whatever its reason', () => {
    const driver = new RefreshDriver({ server: () => good() }).start().advance(50);
    driver.want().advance(2_000);
    expect(sent(driver)).toEqual([0, 1_000]);
  });

  test('a spurious wake does nothing', () => {
    const driver = new RefreshDriver().start().advance(50);
    const before = driver.state;
    driver.send({ kind: 'woken' });
    expect(driver.state).toEqual(before);
    expect(driver.steps.at(-1)?.map(({ kind }) => kind)).toEqual(['wake']);
  });

  test('an answer to an attempt that is not in flight is dropped', () => {
    const driver = new RefreshDriver().start().advance(50);
    driver.send({ kind: 'minted', attempt: 1, lifetime: { lifeMs: HOUR } });
    driver.send({ kind: 'minted', attempt: 2, lifetime: { lifeMs: HOUR } });
    driver.send({ kind: 'mint_failed', attempt: 1, failure: failureOf() });
    expect(driver.status()).toMatchObject({ mints: 1, failures: 0, attempts: 1 });
  });
});

describe('failure', () => {
  test('the token is served until it expires, and that is told once', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), bad()) }).start().advance(72_600);
    expect(driver.status()).toMatchObject({ state: 'degraded', failures: 1 });
    expect(driver.status().lastFailure).toMatchObject({ reason: 'http_status', atMs: START.wallMs + 72_550 });
    expect(driver.read()).toBeDefined();
    driver.advance(90_000 - 72_600 - 1);
    expect(driver.read()).toBeDefined();
    expect(driver.told('token:expired')).toHaveLength(0);
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
    expect(driver.status().state).toBe('expired');
    driver.advance(HOUR);
    expect(driver.told('token:expired')).toEqual([
      { type: 'token:expired', generation: 1, expiresAtMs: START.wallMs + 100_000 },
    ]);
  });

  test('is tried again with back-off, for ever, and a success starts over', () => {
    const driver = new RefreshDriver({ server: () => bad({}, 0), random: () => 0.999_999 }).start();
    driver.advance(HOUR);
    const waits = sent(driver).map((at, i, all) => Math.round(at - (all[i - 1] ?? 0)));
    expect(waits.slice(0, 9)).toEqual([0, 1_000, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000]);
    expect(driver.requests.length).toBeGreaterThan(700);
    driver.server = () => good();
    driver.advance(31_000);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
    expect(driver.status().lastFailure).toBeUndefined();
  });

  describe('while no token can be served', () => {
    const nearly = (): number => 0.999_999;
    const waits = (driver: RefreshDriver): number[] =>
      sent(driver).map((at, i, all) => Math.round(at - (all[i - 1] ?? 0)));

    test('a back-off is 5 s at most; while there is one, 30 s', () => {
      const driver = new RefreshDriver({ server: scripted(good(200_000), bad({}, 0)), random: nearly }).start();
      // Due after 140 s, usable for 190 s.
      driver.advance(180_000);
      expect(waits(driver).slice(1)).toEqual([140_000, 1_000, 1_000, 2_000, 4_000, 8_000, 16_000]);
      driver.advance(30_000);
      expect(driver.status().state).toBe('expired');
      expect(waits(driver).slice(8)).toEqual([23_000, 5_000, 5_000, 5_000]);
      const { monoMs, notice } = driver.notices.at(-1)!;
      expect(notice).toMatchObject({ type: 'mint:failed', consecutive: 11 });
      expect(Math.round((notice as { nextAttemptAtMs: number }).nextAttemptAtMs - START.wallMs)).toBe(
        Math.round(monoMs - START.monoMs) + 5_000,
      );
    });

    test('the end of the token brings forward what was drawn before, once', () => {
      // Of the refresh, of seven failures and an eighth, and of the end: after 190 s.
      const draws = [0, ...Array<number>(7).fill(0.5), 0.9, 0.9];
      const random = (): number => draws.shift() ?? 0;
      const driver = new RefreshDriver({ server: scripted(good(200_000), bad({}, 0)), random }).start();
      driver.advance(189_999);
      expect(driver.status().nextAttemptAtMs! - driver.clock.wallMs()).toBe(19_001);
      driver.advance(1);
      const [dueMs, asked] = [driver.status().nextAttemptAtMs! - driver.clock.wallMs(), driver.requests.length];
      expect(dueMs).toBe(4_500);
      driver.advance(2_000).want().advance(2_499);
      expect(driver.requests).toHaveLength(asked);
      driver.advance(1);
      expect(driver.requests).toHaveLength(asked + 1);
    });

    test('so does a refusal, a step of the clock, and a successor that finds none', () => {
      const meanwhile: readonly ((driver: RefreshDriver) => unknown)[] = [
        (driver) => driver.invalidate(),
        (driver) => driver.stepWall(HOUR),
        (driver) => {
          driver.crash();
          driver.published = undefined;
          driver.start();
        },
      ];
      for (const act of meanwhile) {
        const driver = new RefreshDriver({ server: scripted(good(HOUR), bad({}, 0)), random: nearly }).start();
        driver.advance(1_000).want().advance(40_000);
        expect(driver.status().nextAttemptAtMs! - driver.clock.wallMs()).toBeGreaterThan(15_000);
        act(driver);
        expect(driver.status().nextAttemptAtMs! - driver.clock.wallMs()).toBe(5_000);
      }
    });

    test('a Retry-After and a fixed retry are kept, whatever becomes of the token', () => {
      const patient = scripted(good(100_000), bad({ retryAfterMs: 60_000 }, 0));
      expect(sent(new RefreshDriver({ server: patient }).start().advance(140_000))).toEqual([0, 72_500, 132_500]);
      const fixed = { policy: { retryEveryMs: 20_000 }, server: scripted(good(100_000), bad({}, 0)) };
      expect(sent(new RefreshDriver(fixed).start().advance(115_000))).toEqual([0, 72_500, 92_500, 112_500]);
    });
  });

  test('wishes do not break the back-off', () => {
    const driver = new RefreshDriver({ server: () => bad({ retryAfterMs: 60_000 }, 0) }).start();
    for (let i = 0; i < 100; i++) driver.want().advance(500);
    expect(driver.requests).toHaveLength(1);
    driver.advance(10_000);
    expect(sent(driver)).toEqual([0, 60_000]);
  });

  test('the fixed retry is fixed', () => {
    const driver = new RefreshDriver({ policy: { retryEveryMs: 5_000 }, server: () => bad({}, 0) }).start();
    driver.advance(20_000);
    expect(sent(driver)).toEqual([0, 5_000, 10_000, 15_000, 20_000]);
  });

  test('tells when the next attempt is due', () => {
    const driver = new RefreshDriver({ policy: { retryEveryMs: 5_000 }, server: () => bad({}, 100) })
      .start()
      .advance(100);
    const nextAttemptAtMs = START.wallMs + 5_100;
    expect(driver.told('mint:failed')).toEqual([
      { type: 'mint:failed', attempt: 1, failure: failureOf(), consecutive: 1, nextAttemptAtMs },
    ]);
    expect(driver.status()).toMatchObject({ nextAttemptAtMs });
  });

  test('an answer that is expired on arrival is a failure, and does not loop', () => {
    const driver = new RefreshDriver({ server: () => good(2_000, 3_000) }).start().advance(3_000);
    expect(driver.published).toBeUndefined();
    expect(driver.status().lastFailure?.reason).toBe('expired_answer');
    driver.advance(60_000);
    expect(driver.requests.length).toBeLessThan(20);
  });

  test('a provider that hangs holds up nothing but the mint', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(200_000);
    expect(driver.requests).toHaveLength(2);
    expect(driver.status()).toMatchObject({ state: 'expired', exchanging: true });
    driver.send({ kind: 'mint_failed', attempt: 2, failure: failureOf({ reason: 'timed_out' }) });
    expect(driver.status()).toMatchObject({ failures: 1, exchanging: false });
  });
});

describe('parking', () => {
  test('fatal: parked, probed slowly, served to the end', () => {
    const failureClass = 'fatal';
    const driver = new RefreshDriver({ server: scripted(good(100_000), bad({ class: failureClass })) }).start();
    driver.advance(72_600);
    expect(driver.status()).toMatchObject({
      state: 'parked',
      parked: { why: 'fatal_answer', probeAtMs: START.wallMs + 72_550 + 300_000 },
    });
    expect(driver.read()?.generation).toBe(1);
    for (let i = 0; i < 60; i++) driver.want().advance(10_000);
    expect(sent(driver)).toEqual([0, 72_500, 372_550, 672_600]);
    expect(driver.told('child:parked')).toHaveLength(1);
    expect(driver.told('token:expired')).toHaveLength(1);
    expect(driver.told('mint:failed').at(-1)).not.toHaveProperty('nextAttemptAtMs');
  });

  test('a probe that succeeds un-parks', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good()) }).start().advance(300_100);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'probe' }]);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, false]);
  });

  test('a probe that fails in passing leaves it parked', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, bad()) }).start().advance(310_000);
    expect(driver.status()).toMatchObject({ state: 'parked', parked: { why: 'fatal_answer' } });
    expect(driver.requests).toHaveLength(2);
  });

  test('a probe respects Retry-After', () => {
    const driver = new RefreshDriver({ server: () => bad({ class: 'fatal', retryAfterMs: 1_000_000 }, 0) }).start();
    driver.advance(999_999);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(driver.requests).toHaveLength(2);
  });

  test('a single-use refresh token is never spent by a probe', () => {
    const driver = new RefreshDriver({ policy: { singleUse: true }, server: () => fatal }).start().advance(10 * HOUR);
    expect(driver.requests).toHaveLength(1);
    expect(driver.status().parked).toEqual({ why: 'fatal_answer' });
    expect(driver.clock.pending()).toBe(0);
  });

  test('an ambiguous exchange is never tried again unasked, not even by a probe', () => {
    const driver = new RefreshDriver({ server: () => ambiguous }).start();
    for (let i = 0; i < 100; i++) driver.want().advance(100_000);
    expect(driver.requests).toHaveLength(1);
    expect(driver.told('child:parked')).toEqual([{ type: 'child:parked', why: 'ambiguous_exchange' }]);
  });

  test('resume() un-parks, and says so to its first attempt only', () => {
    const driver = new RefreshDriver({ server: scripted(ambiguous, bad(), good()) }).start().advance(60_000);
    driver.resume();
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'user' }]);
    driver.advance(5_000);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, true, false]);
    expect(driver.status().state).toBe('fresh');
  });

  test('a changed secret un-parks, without the word of a user', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good()) }).start().advance(60_000);
    driver.resume('secret').advance(50);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, false]);
    expect(driver.status().state).toBe('fresh');
  });

  test('un-parked again and again, the floor still holds', () => {
    const driver = new RefreshDriver({ server: () => bad({ class: 'fatal' }, 0) }).start();
    for (let i = 0; i < 100; i++) driver.resume().advance(100);
    expect(sent(driver)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000]);
  });

  test('a park comes back with its event after a resume that did not help', () => {
    const driver = new RefreshDriver({ server: () => fatal }).start().advance(60_000).resume().advance(60_000);
    expect(driver.told('child:parked')).toHaveLength(2);
    expect(driver.status().state).toBe('parked');
  });

  test('a resume() while the probe is in flight that succeeds is used up by it', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good(10_000, 1_000)) }).start().advance(300_500);
    driver.resume().advance(30_000);
    expect(driver.requests.length).toBeGreaterThan(3);
    expect(driver.requests.some(({ resumed }) => resumed)).toBe(false);
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'user' }]);
  });

  test('the back-off after a resume starts over', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, fatal, fatal, fatal, bad()) })
      .start()
      .advance(1_000_000);
    expect(driver.status().failures).toBe(4);
    driver.resume().advance(100);
    expect(driver.told('mint:failed').at(-1)).toMatchObject({ consecutive: 1 });
  });

  test('the word of a user in mid-attempt is not undone by a secret that changes', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good()) }).start().advance(20);
    driver.resume('user').resume('secret').advance(2_000);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, true]);
  });

  test('a secret that changes in mid-attempt: the refusal of the old one does not park', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good()) }).start();
    driver.advance(20).resume('secret').advance(2_000);
    expect(driver.told('child:parked')).toHaveLength(0);
    expect(driver.status().state).toBe('fresh');
  });

  test('resume() without a park changes nothing', () => {
    const driver = new RefreshDriver({ server: () => bad({ retryAfterMs: 60_000 }) }).start().advance(1_000);
    driver.resume().advance(10_000);
    expect(driver.requests).toHaveLength(1);
    expect(driver.told('child:resumed')).toHaveLength(0);
  });

  test('an obstacle found at start parks before a request is made', () => {
    const driver = new RefreshDriver().start(failureOf({ class: 'ambiguous', reason: 'exchange_interrupted' }));
    driver.advance(10 * HOUR);
    expect(driver.requests).toHaveLength(0);
    expect(driver.status()).toMatchObject({ state: 'parked', parked: { why: 'ambiguous_exchange' }, attempts: 0 });
    driver.resume().advance(50);
    expect(driver.requests).toMatchObject([{ resumed: true }]);
    expect(driver.status().state).toBe('fresh');
  });
});

describe('invalidate', () => {
  test('withdraws at once, and mints when the floor after the mint is over', () => {
    const driver = new RefreshDriver().start().advance(2_000);
    driver.invalidate();
    expect(driver.published).toBeUndefined();
    expect(driver.told('token:withdrawn')).toEqual([{ type: 'token:withdrawn', generation: 1 }]);
    driver.advance(7_999);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(sent(driver)).toEqual([0, 10_000]);
    driver.advance(50);
    expect(driver.read()?.generation).toBe(2);
  });

  test('past its floor it mints at once', () => {
    const driver = new RefreshDriver().start().advance(20_000).invalidate();
    expect(sent(driver)).toEqual([0, 20_000]);
  });

  test('ten staggered 401s cost one mint', () => {
    const driver = new RefreshDriver().start().advance(60_000);
    for (let i = 0; i < 10; i++) driver.invalidate(1).advance(20);
    driver.advance(20_000);
    expect(driver.requests).toHaveLength(2);
    expect(driver.read()?.generation).toBe(2);
  });

  test('of a token that is yet to come is not heeded', () => {
    const driver = new RefreshDriver().start().advance(60_000).invalidate(1_000).advance(60_000);
    expect(driver.read()?.generation).toBe(2);
    expect(driver.requests).toHaveLength(2);
  });

  test('while a mint is in flight: its answer is the replacement', () => {
    const driver = new RefreshDriver({ server: () => good(HOUR, 500) }).start().advance(60_000);
    driver.want().advance(100).invalidate(1);
    expect(driver.published).toBeUndefined();
    driver.advance(400);
    expect(driver.read()?.generation).toBe(2);
    driver.advance(20_000);
    expect(driver.requests).toHaveLength(2);
  });

  test('while parked it withdraws and does not mint', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), ambiguous) }).start().advance(73_000);
    driver.invalidate().advance(HOUR);
    expect(driver.published).toBeUndefined();
    expect(driver.requests).toHaveLength(2);
  });

  test('before a crash: the next incarnation withdraws first, and keeps the floor', () => {
    const driver = new RefreshDriver().start().advance(2_000).crash();
    driver.invalidate();
    expect(driver.published).toBeDefined();
    driver.start();
    expect(driver.published).toBeUndefined();
    driver.crash().start().advance(7_999);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(driver.requests).toHaveLength(2);
  });
});

describe('a restart', () => {
  test('adopts a good token, does not mint, and refreshes when the token was due before', () => {
    const driver = new RefreshDriver({ server: () => good(100_000) }).start().advance(10_000);
    const { refreshAtMs } = driver.status();
    driver.crash().advance(5_000).start();
    expect(driver.requests).toHaveLength(1);
    expect(driver.status()).toMatchObject({ state: 'fresh', mints: 1, refreshAtMs });
    driver.advance(100_000);
    expect(sent(driver).slice(0, 2)).toEqual([0, 72_500]);
  });

  test('adopts a token of which nothing was persisted', () => {
    const token = { generation: 7, issuedAtMs: START.wallMs - 10_000, expiresAtMs: START.wallMs + 90_000 };
    const { state, effects } = refresh(
      initialRefreshState(),
      {
        kind: 'started',
        policy: policyOf(),
        generation: 7,
        token: { ...token, usableUntilMs: START.wallMs + 80_000 },
        wanted: 0,
        invalidated: 0,
      },
      START,
      () => 0,
    );
    expect(effects.map(({ kind }) => kind)).toEqual(['persist', 'wake']);
    expect(effects.at(-1)).toEqual({ kind: 'wake', atMonoMs: START.monoMs + 65_000 });
    expect(state.generation).toBe(7);
  });

  test('a token that was issued in the future, with nothing to tell its age, is withdrawn', () => {
    const wallMs = START.wallMs + HOUR;
    const { effects } = refresh(
      initialRefreshState(),
      {
        kind: 'started',
        policy: policyOf(),
        generation: 7,
        token: { generation: 7, issuedAtMs: wallMs, expiresAtMs: wallMs + HOUR, usableUntilMs: wallMs + HOUR },
        wanted: 0,
        invalidated: 0,
      },
      START,
      () => 0,
    );
    expect(effects.map(({ kind }) => kind)).toEqual(['persist', 'withdraw', 'emit', 'emit', 'mint', 'wake']);
  });

  test('keeps floor and back-off: a crash loop is no request loop', () => {
    const driver = new RefreshDriver({ server: () => 'hangs' }).start();
    for (let i = 0; i < 100; i++) driver.crash().advance(50).start();
    expect(driver.requests).toHaveLength(6);
    driver.crash();
    driver.server = () => bad({ retryAfterMs: 60_000 }, 0);
    driver.advance(1_000).start().advance(1);
    expect(driver.requests).toHaveLength(7);
    for (let i = 0; i < 10; i++) driver.crash().advance(1_000).start();
    expect(driver.requests).toHaveLength(7);
    expect(driver.status().failures).toBe(1);
  });

  test('un-parks nothing, and a probe that takes the thread down is not made again at once', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, 'hangs') }).start().advance(60_000);
    driver.crash().start();
    expect(driver.status().state).toBe('parked');
    expect(driver.told('child:parked')).toHaveLength(1);
    driver.advance(240_100);
    expect(driver.requests).toHaveLength(2);
    for (let i = 0; i < 10; i++) driver.crash().advance(2_000).start();
    expect(driver.requests).toHaveLength(2);
  });

  test('tells an expiry once', () => {
    const driver = new RefreshDriver({ server: scripted(good(10_000), bad()) }).start().advance(9_500);
    driver.crash().start().advance(20_000);
    expect(driver.told('token:expired')).toHaveLength(1);
  });

  test('heeds first what was wanted meanwhile', () => {
    const driver = new RefreshDriver().start().advance(5_000).crash();
    driver.want().start().advance(50);
    expect(driver.read()?.generation).toBe(2);
  });

  test('is not held up by instants that can not be', () => {
    const persisted = {
      failures: 1,
      attempts: 5,
      mints: 0,
      refreshes: 0,
      lastRequestMonoMs: START.monoMs + 1e9,
      notBeforeMonoMs: START.monoMs + 1e12,
      backOffUntilMonoMs: START.monoMs + 1e12,
    };
    const started = {
      kind: 'started',
      policy: policyOf(),
      generation: 0,
      persisted,
      wanted: 0,
      invalidated: 0,
    } as const;
    const { effects } = refresh(initialRefreshState(), started, START, () => 0);
    expect(effects.at(-1)).toEqual({ kind: 'wake', atMonoMs: START.monoMs + HOUR });
  });
});

describe('rotate', () => {
  test('cancels the attempt in flight and proves the new configuration, floor kept', () => {
    const driver = new RefreshDriver({ server: scripted('hangs', good()) }).start().advance(100);
    driver.update();
    expect(driver.cancelled).toEqual([1]);
    driver.send({ kind: 'minted', attempt: 1, lifetime: { lifeMs: HOUR } });
    expect(driver.published).toBeUndefined();
    driver.advance(910);
    driver.send({ kind: 'minted', attempt: 1, lifetime: { lifeMs: HOUR } });
    expect(driver.inFlight).toBe(1);
    expect(driver.published).toBeUndefined();
    driver.advance(2_000);
    expect(driver.requests).toEqual([
      expect.objectContaining({ attempt: 1, resumed: false }),
      { attempt: 2, monoMs: START.monoMs + 1_000, resumed: true },
    ]);
    expect(driver.read()?.generation).toBe(1);
  });

  test('mints again though the token is fresh, which is served meanwhile', () => {
    const driver = new RefreshDriver().start().advance(5_000).update();
    expect(driver.requests).toHaveLength(2);
    expect(driver.read()?.generation).toBe(1);
    driver.advance(50);
    expect(driver.read()?.generation).toBe(2);
  });

  test('waits for a single-use exchange, publishes its answer, then goes on', () => {
    const driver = new RefreshDriver({ policy: { singleUse: true }, server: () => good(HOUR, 3_000) }).start();
    driver.advance(100).update({ marginMs: 60_000 });
    expect(driver.cancelled).toEqual([]);
    expect(driver.requests).toHaveLength(1);
    driver.advance(2_900);
    expect(driver.read()?.generation).toBe(1);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, true]);
    driver.advance(3_000);
    expect(driver.read()?.generation).toBe(2);
    driver.advance(60_000);
    expect(driver.requests).toHaveLength(2);
  });

  test('a refusal of the old configuration does not park the new one', () => {
    const server = scripted(bad({ class: 'fatal' }, 3_000), good());
    const driver = new RefreshDriver({ policy: { singleUse: true }, server }).start();
    driver.advance(100).update().advance(3_000);
    expect(driver.told('child:parked')).toHaveLength(0);
    expect(driver.status()).toMatchObject({ state: 'fresh', failures: 0 });
  });

  test('an exchange of the old configuration that ends ambiguous parks: nobody has asked since', () => {
    const server = scripted(bad({ class: 'ambiguous' }, 3_000), good());
    const driver = new RefreshDriver({ policy: { singleUse: true }, server }).start();
    driver.advance(100).update().advance(60_000);
    expect(driver.requests).toHaveLength(1);
    expect(driver.status().parked).toEqual({ why: 'ambiguous_exchange' });
    driver.resume('secret').advance(50);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, false]);
  });

  test('un-parks and forgets the back-off', () => {
    const driver = new RefreshDriver({ server: scripted(fatal, good()) }).start().advance(60_000).update();
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(driver.told('child:resumed')).toEqual([{ type: 'child:resumed', by: 'update' }]);
    const waiting = new RefreshDriver({ server: scripted(bad({ retryAfterMs: HOUR }), good()) })
      .start()
      .advance(60_000);
    expect(waiting.update().advance(50).status()).toMatchObject({ state: 'fresh', failures: 0 });
  });

  test('a new configuration with an obstacle parks, with the token served on', () => {
    const driver = new RefreshDriver().start().advance(5_000);
    driver.update({}, failureOf({ class: 'fatal', reason: 'secret_unreadable' }));
    expect(driver.status()).toMatchObject({ state: 'parked', parked: { why: 'fatal_answer' } });
    expect(driver.requests).toHaveLength(1);
    expect(driver.read()?.generation).toBe(1);
    driver.advance(300_000);
    expect(driver.requests.map(({ resumed }) => resumed)).toEqual([false, false]);
  });

  test('the last answer of the old configuration does not hide the obstacle of the new one', () => {
    const driver = new RefreshDriver({ policy: { singleUse: true }, server: () => good(HOUR, 3_000) }).start();
    driver
      .advance(100)
      .update({}, failureOf({ class: 'fatal', reason: 'secret_unreadable' }))
      .advance(60_000);
    expect(driver.requests).toHaveLength(1);
    expect(driver.read()?.generation).toBe(1);
    expect(driver.status()).toMatchObject({
      state: 'parked',
      failures: 1,
      lastFailure: { reason: 'secret_unreadable' },
    });
  });

  test('of a lazy credential that nobody has asked yet mints nothing', () => {
    const driver = new RefreshDriver({ policy: { eager: false } }).start().update().advance(HOUR);
    expect(driver.requests).toHaveLength(0);
  });
});

describe('clock steps', () => {
  test('back: the times are published again, so that the token lives no longer than it should', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    driver.stepWall(-HOUR);
    expect(driver.published).toMatchObject({
      generation: 1,
      times: { issuedAtMs: START.wallMs - HOUR, expiresAtMs: START.wallMs - HOUR + 100_000 },
    });
    expect(driver.told('clock:stepped')).toEqual([{ type: 'clock:stepped', byMs: -HOUR }]);
    driver.advance(79_999);
    expect(driver.read()).toBeDefined();
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
    expect(sent(driver)).toEqual([0, 72_500]);
  });

  test('forward: taken for a suspend, so the token looks older, and is replaced', () => {
    const driver = new RefreshDriver({ server: () => good(100_000) }).start().advance(10_000);
    driver.stepWall(40_000);
    expect(driver.read()?.generation).toBe(1);
    driver.advance(22_499);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(driver.requests).toHaveLength(2);
    driver.advance(10_000).stepWall(HOUR);
    expect(driver.read()).toBeUndefined();
    expect(driver.told('token:expired')).toHaveLength(1);
    driver.advance(50);
    expect(driver.read()?.generation).toBe(3);
  });

  test('back and forward again: the way forward may have been a suspend, so the token has aged by it', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    driver.stepWall(-60_000).stepWall(60_000);
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 30_000);
  });

  test('regression: a suspend that is no step, and then the clock set back, prolonged a token by the suspend', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    // Nobody sees a step: the loop looks at the clocks each second.
    driver.clock.stepWall(1_500);
    driver.send({ kind: 'woken' });
    driver.stepWall(-10_000);
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 88_500);
    // Where the wall clock is behind by then, as well.
    driver.clock.stepWall(1_500);
    driver.send({ kind: 'woken' });
    driver.stepWall(-10_000);
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 87_000);
    driver.crash().start();
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 87_000);
  });

  test('a suspend moves no floor: a refused token is replaced when it was due', () => {
    const driver = new RefreshDriver({ server: () => good(100_000) }).start().advance(1_000);
    driver.clock.stepWall(5_000);
    driver.send({ kind: 'woken' });
    driver.invalidate().crash().start();
    driver.advance(8_999);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(driver.requests).toHaveLength(2);
  });

  test('regression: set back by too little for a step, a token was handed out for as much longer than its time', () => {
    const driver = new RefreshDriver({
      server: ({ attempt }) => (attempt === 1 ? { latencyMs: 50, lifetime: { lifeMs: 6_000 } } : 'hangs'),
    }).start();
    driver.advance(1_000);
    // Two steps within a second come to this as well. Nobody sees a step.
    driver.clock.stepWall(-1_100);
    driver.advance(4_399);
    expect(driver.read()).toBeDefined();
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
    expect(driver.told('token:expired')).toHaveLength(1);
  });

  test('regression: a suspend, and then the clock set back: the token was given the time of the suspend once more', () => {
    // The machine sleeps for 40 s, and its clock is found to be 30 s fast.
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    driver.stepWall(40_000).advance(5_000).stepWall(-30_000);
    // 55 s of its life are over, of which the monotonic clock knows of 15.
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 45_000);
    driver.advance(34_999);
    expect(driver.read()).toBeDefined();
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
  });

  test('back by more than it was ahead: what has passed in a suspend counts on, over a restart too', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    driver.stepWall(40_000).stepWall(-HOUR);
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 50_000);
    driver.crash().start();
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 50_000);
    driver.advance(39_999);
    expect(driver.read()).toBeDefined();
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
  });

  test('back while no actor lives: the next incarnation sees it', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000).crash();
    driver.stepWall(-HOUR).advance(10_000).start();
    expect(driver.published?.times.expiresAtMs).toBe(START.wallMs - HOUR + 100_000);
    driver.crash().start();
    expect(driver.published?.times.expiresAtMs).toBe(START.wallMs - HOUR + 100_000);
    driver.advance(70_000);
    expect(driver.read()).toBeUndefined();
  });

  test('back, and forward again while no actor lives: the token has aged by the way forward', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000), 'hangs') }).start().advance(10_000);
    driver.stepWall(-60_000).crash();
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 90_000);
    driver.stepWall(60_000).start();
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 30_000);
  });

  test('back while a mint is in flight: its answer is published in the new time', () => {
    const driver = new RefreshDriver({ server: () => good(HOUR, 2_000) }).start().advance(500);
    driver.stepWall(-86_400_000).advance(1_500);
    expect(driver.published?.times.expiresAtMs).toBe(START.wallMs - 86_400_000 + HOUR);
  });

  test('regression: a suspend and a step back while a mint was in flight prolonged its token by the step', () => {
    // The machine sleeps for 40 s after the request is sent, and its clock is found to be 30 s fast.
    const driver = new RefreshDriver({ server: scripted(good(100_000, 5_000), 'hangs') }).start().advance(1_000);
    driver.stepWall(40_000).advance(2_000).stepWall(-30_000).advance(2_000);
    // 45 s of its life are over, of which the monotonic clock knows of 5.
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 55_000);
    driver.advance(44_999);
    expect(driver.read()).toBeDefined();
    driver.advance(1);
    expect(driver.read()).toBeUndefined();
  });

  test('regression: a suspend while a mint was in flight, hidden by a step back before the answer', () => {
    const driver = new RefreshDriver({ server: scripted(good(100_000, 5_000), 'hangs') }).start().advance(1_000);
    // Too little for a step: the loop looks at the clocks each second.
    driver.clock.stepWall(1_500);
    driver.send({ kind: 'woken' });
    driver.stepWall(-10_000).advance(4_000);
    expect(driver.published?.times.expiresAtMs).toBe(driver.clock.wallMs() + 93_500);
  });

  test('back-off is monotonic: a step neither ends nor prolongs it', () => {
    const driver = new RefreshDriver({ server: () => bad({ retryAfterMs: 60_000 }, 0) }).start();
    driver
      .stepWall(HOUR)
      .advance(10_000)
      .stepWall(-2 * HOUR)
      .advance(49_999);
    expect(driver.requests).toHaveLength(1);
    driver.advance(1);
    expect(driver.requests).toHaveLength(2);
  });
});
