import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RefreshDriver, failureOf, type ServerPlan } from '../support/refresh-driver.js';

const FLOOR_MS = 1_000;

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** A new number at every draw, from a list that comes round again. */
const randoms = fc.array(unit, { minLength: 1, maxLength: 20 }).map((values) => {
  let next = 0;
  return () => values[next++ % values.length]!;
});

const latencyMs = fc.integer({ min: 0, max: 5_000 });
const answers: fc.Arbitrary<ServerPlan> = fc.record({
  latencyMs,
  lifetime: fc.oneof(
    fc.record({ lifeMs: fc.integer({ min: 1, max: 200_000 }) }),
    fc.record({ lifeMs: fc.constant(Infinity) }),
    fc.record({ lifeMs: fc.integer({ min: 1, max: 200_000 }), refreshInMs: fc.integer({ min: -10, max: 300_000 }) }),
    fc.constant({}),
  ),
});
const failures: fc.Arbitrary<ServerPlan> = fc.record({
  latencyMs,
  failure: fc
    .record({
      class: fc.constantFrom('transient', 'transient', 'fatal', 'fatal', 'ambiguous'),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 120_000 }), { nil: undefined }),
      reason: fc.constantFrom('http_status', 'token_unavailable'),
    })
    .map(({ class: failureClass, retryAfterMs, reason }) =>
      failureOf({ class: failureClass, reason, ...(retryAfterMs !== undefined && { retryAfterMs }) }),
    ),
});
const refused = failureOf({ class: 'fatal', reason: 'oauth_error', oauthError: 'invalid_client' });
const refusals: fc.Arbitrary<ServerPlan> = latencyMs.map((ms) => ({ latencyMs: ms, failure: refused }));
const plans = fc.array(
  fc.oneof({ weight: 4, arbitrary: answers }, { weight: 3, arbitrary: failures }, { weight: 3, arbitrary: refusals }),
  { minLength: 1, maxLength: 12 },
);

const policies = fc.record({
  eager: fc.boolean(),
  singleUse: fc.boolean(),
  probeEveryMs: fc.integer({ min: 5_000, max: 100_000 }),
});
const extras = fc.oneof(
  fc.constant({}),
  fc.record({ leadMs: fc.nat(300_000) }),
  fc.record({ marginMs: fc.nat(60_000) }),
  fc.record({ refreshEveryMs: fc.integer({ min: 1_000, max: 60_000 }) }),
  fc.record({ retryEveryMs: fc.integer({ min: 1, max: 20_000 }) }),
);

type Action = (driver: RefreshDriver) => void;
const alive =
  (act: Action): Action =>
  (driver) => {
    if (driver.running) act(driver);
  };
const named = (name: string, act: Action): Action => Object.assign(act, { [fc.toStringMethod]: () => name });

const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40_000).map((ms) => named(`advance ${ms}`, (driver) => advance(driver, ms))) },
  { weight: 2, arbitrary: fc.constant(named('want', (driver) => driver.want())) },
  { weight: 2, arbitrary: fc.constant(named('invalidate', (driver) => driver.invalidate())) },
  {
    weight: 1,
    arbitrary: fc.constant(
      named(
        'wake',
        alive((driver) => driver.send({ kind: 'woken' })),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('user' as const, 'secret' as const).map((by) =>
      named(
        `resume ${by}`,
        alive((driver) => driver.resume(by)),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      named(
        'rotate',
        alive((driver) => driver.update()),
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(60_000).map((ms) =>
      named(
        `rotate with an overlap of ${ms}`,
        alive((driver) => driver.update(driver.overlap(ms))),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat(60_000)
      .map((ms) =>
        named(`crash, rotate with an overlap of ${ms}`, (driver) => driver.crash().plan(driver.overlap(ms)).start()),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      named(
        'source changed',
        alive((driver) => driver.sourceChanged()),
      ),
    ),
  },
  { weight: 2, arbitrary: fc.constant(named('crash', (driver) => driver.crash().start())) },
  {
    weight: 2,
    arbitrary: fc.nat(6).map((count) =>
      named(`die after ${count}`, (driver) => {
        driver.dieAfterEffects = count;
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: -500_000, max: 500_000 }).map((ms) =>
      named(
        `step ${ms}`,
        alive((driver) => driver.stepWall(ms)),
      ),
    ),
  },
);

/** Lets time pass in slices; a thread that died is started again, as the supervisor would; readers read all along. */
const advance = (driver: RefreshDriver, ms: number): void => {
  for (let leftMs = ms; leftMs > 0; leftMs -= 500) {
    driver.advance(Math.min(500, leftMs));
    if (!driver.running) driver.start();
    checkReader(driver);
  }
};

const checkReader = (driver: RefreshDriver): void => {
  const token = driver.read();
  if (token?.lifeMs === undefined) return;
  expect(driver.clock.monoMs() - token.sentMonoMs, 'age of what a reader is given').toBeLessThan(token.lifeMs);
};

const checkRequests = (driver: RefreshDriver): void => {
  driver.requests.forEach(({ monoMs, attempt, previous }, i) => {
    const before = driver.requests[i - 1];
    // The newer secret has its turn first, each time.
    if (previous) expect(before, `before request ${i} with the older secret`).toMatchObject({ attempt: attempt - 1 });
    if (previous) expect(before).not.toHaveProperty('previous');
    if (!before) return;
    expect(monoMs - before.monoMs, `from request ${i - 1} to ${i}`).toBeGreaterThanOrEqual(FLOOR_MS);
    expect(attempt).toBeGreaterThan(before.attempt);
  });
};

/** The longest back-off without a token, but for what holds an attempt back whatever the token. */
const checkBackOff = (driver: RefreshDriver): void => {
  const { parked, nextAttemptAtMs } = driver.status();
  if (driver.read() || parked || nextAttemptAtMs === undefined) return;
  const { notBeforeMonoMs = -Infinity } = driver.state.memory;
  const mostMs = Math.max(5_000, notBeforeMonoMs - driver.clock.monoMs());
  expect(nextAttemptAtMs - driver.clock.wallMs(), 'the wait without a token').toBeLessThanOrEqual(mostMs + 1);
};

const run = (
  options: ConstructorParameters<typeof RefreshDriver>[0] & { plans: ServerPlan[] },
  script: readonly Action[],
): RefreshDriver => {
  let next = 0;
  const driver = new RefreshDriver({ ...options, server: () => options.plans[next++ % options.plans.length]! }).start();
  for (const act of script) {
    act(driver);
    if (!driver.running) driver.start();
    checkReader(driver);
    checkBackOff(driver);
  }
  checkRequests(driver);
  return driver;
};

const scripts = fc.array(actions, { maxLength: 40 });

test('whatever happens: one attempt in flight, the floor kept over restarts, no reader past the end, no busy loop', () => {
  // What is in flight, the order of effects and wakes in the past are checked by the driver at every step.
  fc.assert(
    fc.property(policies, extras, plans, randoms, scripts, (policy, extra, serverPlans, random, script) => {
      const driver = run({ policy: { ...policy, ...extra }, plans: serverPlans, random }, script);
      const elapsedMs = driver.clock.monoMs() - (driver.requests[0]?.monoMs ?? 0);
      // An answer, an expiry and two wakes for each request at most, and what the script itself caused.
      const mostSteps = 6 * (elapsedMs / FLOOR_MS + 2) + 4 * script.length + 200;
      expect(driver.steps.length).toBeLessThan(mostSteps);
    }),
    { numRuns: 500 },
  );
});

test('whatever happened, once the server answers and somebody resumes, there is a token within a bound', () => {
  fc.assert(
    fc.property(policies, extras, plans, randoms, scripts, (policy, extra, serverPlans, random, script) => {
      const driver = run({ policy: { ...policy, ...extra }, plans: serverPlans, random }, script);
      driver.dieAfterEffects = undefined;
      driver.server = () => ({ latencyMs: 100, lifetime: { lifeMs: 100_000 } });
      // The longest hold of these scripts is a Retry-After of 120 s, and the answer in flight takes 5 s at most.
      advance(driver, 5_000);
      driver.resume().want();
      advance(driver, 125_000 + 2 * FLOOR_MS);
      expect(driver.read(), JSON.stringify(driver.status())).toBeDefined();
      expect(driver.status().state).toMatch(/fresh|refreshing/);
    }),
    { numRuns: 300 },
  );
});

test('in an overlap: whatever happened, there is a new token within a bound of when either secret is accepted', () => {
  const overlaps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.nat(20_000).map((ms) => named(`advance ${ms}`, (driver) => advance(driver, ms))) },
      fc.constantFrom<Action[]>(
        named('want', (driver) => driver.want()),
        named('invalidate', (driver) => driver.invalidate()),
        named('wake', (driver) => driver.send({ kind: 'woken' })),
        named('crash', (driver) => driver.crash().start()),
        named('source changed', (driver) => driver.sourceChanged()),
        named('secret', (driver) => driver.resume('secret')),
        named('rotate', (driver) => driver.update(driver.overlap(2_000_000))),
      ),
    ),
    { maxLength: 30 },
  );
  const known = fc.constantFrom('newer', 'older', 'both');
  fc.assert(
    fc.property(policies, extras, plans, randoms, scripts, overlaps, known, latencyMs, (...drawn) => {
      const [policy, extra, serverPlans, random, script, meanwhile, which, delayMs] = drawn;
      const driver = run({ policy: { ...policy, ...extra }, plans: serverPlans, random }, script);
      driver.dieAfterEffects = undefined;
      const refusal: ServerPlan = { latencyMs: delayMs, failure: refused };
      driver.server = () => refusal;
      // What was asked of the servers of before ends, however it does.
      advance(driver, 5_000);
      driver.update(driver.overlap(2_000_000)).want();
      for (const act of meanwhile) act(driver);
      expect(driver.status().parked).toBeUndefined();
      const generation = driver.published?.generation ?? 0;
      const good: ServerPlan = { latencyMs: delayMs, lifetime: { lifeMs: 100_000 } };
      driver.server = ({ previous }) => (which === 'both' || (which === 'older') === !!previous ? good : refusal);
      const asked = driver.requests.length;
      // The longest back-off, what is in flight, and a round of both, each at the floor.
      advance(driver, 30_000 + 3 * (5_000 + FLOOR_MS));
      expect(driver.read()?.generation, JSON.stringify(driver.status())).toBeGreaterThan(generation);
      const { previous } = driver.requests.at(-1)!;
      if (which === 'newer') expect(previous).toBeUndefined();
      // Both are known: the older is not asked, but for one whose turn had come already.
      const older = driver.requests.slice(asked).filter((request) => request.previous);
      if (which === 'both') expect(older.length).toBeLessThanOrEqual(1);
      checkRequests(driver);
    }),
    { numRuns: 300 },
  );
});

test('no gap: with a server that answers, a reader has a token at every moment, for lives of 2 s and more', () => {
  const lives = fc.integer({ min: 2_000, max: 400_000 });
  const setting = fc.oneof(
    fc.constant({}),
    fc.record({ leadMs: fc.nat(500_000) }),
    fc.record({ marginMs: fc.nat(500_000) }),
    fc.record({ refreshEveryMs: fc.integer({ min: 1_000, max: 500_000 }) }),
  );
  const hints = fc.option(fc.integer({ min: 0, max: 500_000 }), { nil: undefined });
  fc.assert(
    fc.property(
      lives,
      setting,
      hints,
      fc.nat(99),
      randoms,
      fc.boolean(),
      (lifeMs, policy, hintMs, share, random, crashes) => {
        // The least time left at a refresh is the smaller of 10 s and 5 % of the life.
        const latency = Math.floor((Math.min(10_000, lifeMs * 0.05) - 2) * (share / 100));
        const lifetime = { lifeMs, ...(hintMs !== undefined && { refreshInMs: hintMs }) };
        const driver = new RefreshDriver({ policy, server: () => ({ latencyMs: latency, lifetime }), random }).start();
        driver.advance(latency);
        const sliceMs = Math.max(10, Math.floor(lifeMs / 200));
        for (let i = 0; i < 1_000; i++) {
          driver.advance(sliceMs);
          // A crash between two exchanges; one in mid-exchange costs the floor, which a short life has not to spare.
          if (crashes && i % 37 === 0 && driver.inFlight === 0) driver.crash().start();
          expect(driver.read(), `at ${driver.clock.monoMs()}: ${JSON.stringify(driver.status())}`).toBeDefined();
        }
        expect(driver.told('token:expired')).toHaveLength(0);
      },
    ),
    { numRuns: 150 },
  );
});

test('back-off is obeyed: after a failure with Retry-After no wish, crash or wake brings the request forward', () => {
  const pokes: fc.Arbitrary<Action> = fc.oneof(
    fc.nat(5_000).map((ms) => named(`advance ${ms}`, (driver) => advance(driver, ms))),
    fc.constantFrom<Action[]>(
      named('want', (driver) => driver.want()),
      named('invalidate', (driver) => driver.invalidate()),
      named('wake', (driver) => driver.send({ kind: 'woken' })),
      named('crash', (driver) => driver.crash().start()),
      named('resume', (driver) => driver.resume()),
      named('step', (driver) => driver.stepWall(50_000)),
      named('step back', (driver) => driver.stepWall(-50_000)),
    ),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 100_000 }),
      fc.array(pokes, { maxLength: 60 }),
      (retryAfterMs, script) => {
        const plan = { latencyMs: 10, failure: failureOf({ retryAfterMs }) };
        const driver = new RefreshDriver({ server: () => plan, random: () => 0 }).start();
        driver.advance(10);
        for (const act of script) act(driver);
        driver.requests.forEach(({ monoMs }, i) => {
          const before = driver.requests[i - 1];
          // A crash in mid-attempt leaves its answer, and so its Retry-After, unheard: the floor is what is left.
          const heard = driver.notices.some(
            ({ notice }) => notice.type === 'mint:failed' && notice.attempt === before?.attempt,
          );
          if (before && heard) expect(monoMs - before.monoMs).toBeGreaterThanOrEqual(retryAfterMs + 10);
        });
      },
    ),
    { numRuns: 300 },
  );
});
