import { describe, expect, test } from 'vitest';
import type { MintFailure } from '../../../src/core/errors.js';
import type { RefreshEvent } from '../../../src/kinds/credential/refresh/refresh-types.js';
import type { RefreshTurn } from '../../../src/kinds/credential/refresh/refresh-channel.js';
import type { Evidence } from '../../chaos/case.mjs';
import { expired, unexplained } from '../../chaos/judge.mjs';
import { failureOf, RefreshDriver, START, type DriverOptions } from '../../support/refresh-driver.js';

const at = (ms: number): number => START.monoMs + ms;
const span = (fromMs: number, toMs: number) => ({ fromMonoMs: at(fromMs), toMonoMs: at(toMs) });

type Cause = Evidence['causes'][number];
type Gap = Evidence['gaps'][number];

const cause = (family: Cause['family'], kind: string, of: string, fromMs: number, toMs = fromMs): Cause => ({
  ...{ family, kind, of },
  ...span(fromMs, toMs),
});
const step = (offsetMs: number, atMs: number): Cause => ({ ...cause('clock', 'back', '*', atMs), offsetMs });
const stopped = (fromMs: number, toMs: number): Cause => cause('machine', 'stopped', '*', fromMs, toMs);
const gap = (fromMs: number, toMs: number, name = 'child'): Gap => ({
  ...{ name, code: 'TOKEN_EXPIRED', state: 'expired' },
  ...span(fromMs, toMs),
});
const late = (fromMs: number, toMs: number, name = 'child') => ({
  name,
  generation: 1,
  byMs: 100,
  ...span(fromMs, toMs),
});
const exit = (atMs: number, reason: object = { kind: 'killed' }) => ({ name: 'child', reason, atMonoMs: at(atMs) });
/** All of the samples of that time, of which the machine has given so much. */
const given = (fromMs: number, toMs: number, share: number) =>
  Array.from({ length: (toMs - fromMs) / 100 }, (_, index) => ({
    ...span(fromMs + index * 100, fromMs + (index + 1) * 100),
    livedMs: 100 * share,
  }));

const facts = {
  ...{ clientId: 'child', by: 'front' as const, singleUse: false, signs: false, retryMs: 1_000 },
  sources: [] as string[],
};

const evidenceOf = (change: Partial<Evidence> & { known?: Partial<typeof facts> }): Evidence => {
  const { known, ...rest } = change;
  return {
    facts: new Map([
      ['child', { ...facts, ...known }],
      ['source', { ...facts, clientId: 'source' }],
    ]),
    ...{ causes: [], faults: [], threads: [], gaps: [], exits: [], zombies: [], parks: [], lates: [], samples: [] },
    ...{ startedMonoMs: at(0), readyMonoMs: at(0) },
    ...rest,
  };
};
const problems = (change: Parameters<typeof evidenceOf>[0]): string[] => unexplained(evidenceOf(change));

/** A credential whose turns are recorded, as an actor's are. */
class Recorded extends RefreshDriver {
  readonly turns: RefreshTurn[] = [];

  override send(event: RefreshEvent): this {
    const [state, now] = [this.state, this.clock.now()];
    super.send(event);
    this.turns.push({ name: 'child', state, event, now, draws: [], effects: this.steps.at(-1) ?? [] });
    return this;
  }
}

const LIFE_MS = 6_000;
/** It answers with a token of six seconds, but for the attempts of these numbers. */
const recorded = (failures: Record<number, MintFailure> = {}, options: DriverOptions = {}): Recorded =>
  new Recorded({
    policy: { retryEveryMs: 1_000, probeEveryMs: 2_000 },
    server: ({ attempt }) => {
      const failure = failures[attempt];
      return failure ? { latencyMs: 20, failure } : { latencyMs: 20, lifetime: { lifeMs: LIFE_MS } };
    },
    ...options,
  }).start();

/** When its second attempt failed, and when the one after that was over. */
const timesOf = ({ requests: [, failed, again] }: Recorded) => ({
  failedMs: failed!.monoMs - START.monoMs + 20,
  againMs: again!.monoMs - START.monoMs + 20,
});

const lost = failureOf({ reason: 'connection_lost' });
const refused = failureOf({ class: 'fatal', reason: 'oauth_error', message: 'invalid_grant' });
const timedOut = failureOf({ reason: 'timed_out', message: 'its time is over' });

describe('a time without a token', () => {
  test('that nothing accounts for is found', () => {
    expect(problems({ gaps: [gap(1_000, 2_000)] })).toEqual([
      'child at 1.0 s: no token for 1000 ms (TOKEN_EXPIRED, expired), 1000 of them for no reason',
    ]);
  });

  test('lasts until the attempt after one that failed, also where the token ends before that', () => {
    // Minted at 0, due at 4,350, usable until 5,400: the loop is woken then, and tries again at 8,400.
    const child = recorded({ 2: lost }, { policy: { retryEveryMs: 4_000 } }).advance(9_000);
    const { failedMs, againMs } = timesOf(child);
    const causes = [cause('server', 'front is away', 'front', failedMs - 100, failedMs)];
    expect(againMs).toBeGreaterThan(8_000);
    expect(problems({ causes, threads: [child.turns], gaps: [gap(5_400, againMs)] })).toEqual([]);
    expect(problems({ causes, threads: [child.turns], gaps: [gap(5_400, againMs + 2_000)] })).toHaveLength(1);
  });

  test('lasts until the probe of a park, also where the token ends before that', () => {
    const child = recorded({ 2: refused }, { policy: { probeEveryMs: 7_000 } }).advance(12_000);
    const { failedMs, againMs } = timesOf(child);
    const faults = [{ clientId: 'child', kind: 'refuses the client', atMonoMs: at(failedMs - 10) }];
    expect(againMs).toBeGreaterThan(11_000);
    expect(problems({ faults, threads: [child.turns], gaps: [gap(5_400, againMs)] })).toEqual([]);
    const tooLong = gap(5_400, againMs + 2_000);
    expect(problems({ faults, threads: [child.turns], gaps: [tooLong] })).toHaveLength(1);
  });

  test('follows on a death, for as long as a restart may take', () => {
    const causes = [cause('kill', 'terminate', 'child', 1_000)];
    expect(problems({ causes, gaps: [gap(1_200, 8_000)] })).toEqual([]);
    expect(problems({ causes, gaps: [gap(1_200, 12_000)] })).toHaveLength(1);
    expect(problems({ causes, gaps: [gap(1_200, 8_000, 'source')] })).toHaveLength(1);
  });

  test('lasts longer on a machine that gives less, by as much as it does', () => {
    const causes = [cause('kill', 'terminate', 'child', 1_000)];
    const gaps = [gap(1_200, 14_000)];
    expect(problems({ causes, gaps, samples: given(1_000, 15_000, 0.5) })).toEqual([]);
    expect(problems({ causes, gaps, samples: given(1_000, 15_000, 0.9) })).toHaveLength(1);
  });

  test('comes of a mint that was due in time, and got no processor', () => {
    const child = recorded({}, { server: () => ({ latencyMs: 1_500, lifetime: { lifeMs: LIFE_MS } }) }).advance(7_000);
    const gaps = [gap(5_400, 5_850)];
    const threads = [child.turns];
    expect(problems({ threads, gaps })).toHaveLength(1);
    expect(problems({ threads, gaps, samples: given(4_000, 6_000, 0.1) })).toEqual([]);
  });

  test('comes after a stop, until there is time for a mint', () => {
    const causes = [stopped(1_000, 6_000)];
    expect(problems({ causes, gaps: [gap(6_010, 7_000)] })).toEqual([]);
    expect(problems({ causes, gaps: [gap(6_010, 9_500)] })).toHaveLength(1);
    expect(problems({ causes, gaps: [gap(9_000, 9_500)] })).toHaveLength(1);
  });

  test('is handed on to what is minted from the token', () => {
    const theirs = gap(1_000, 2_000, 'source');
    const causes = [cause('change', 'invalidate()', 'source', 950, 1_000)];
    const known = { sources: ['source'] };
    expect(problems({ known, causes, gaps: [theirs, gap(1_000, 3_000)] })).toEqual([]);
    expect(problems({ known, causes, gaps: [theirs, gap(1_000, 6_000)] })).toHaveLength(1);
    expect(problems({ causes, gaps: [theirs, gap(1_000, 3_000)] })).toHaveLength(1);
  });
});

describe('a mint that failed', () => {
  const attempted = (
    failure: MintFailure,
    latencyMs = 20,
    known: Partial<typeof facts> = {},
    rest: Partial<Evidence> = {},
  ) => {
    const server = () => ({ latencyMs, failure });
    const child = new Recorded({ policy: { retryEveryMs: 60_000 }, server }).start().advance(latencyMs);
    return problems({ known, threads: [child.turns], ...rest });
  };

  test('for no reason is found', () => {
    expect(attempted(lost)).toEqual(['child at 0.0 s: a mint of 20 ms failed (connection_lost: a failure)']);
    expect(attempted(timedOut, 4_000)).toHaveLength(1);
  });

  test('may be timed out where the machine gives no time, but not for a stop', () => {
    expect(attempted(timedOut, 4_000, {}, { samples: given(0, 4_000, 0.3) })).toEqual([]);
    expect(attempted(timedOut, 4_000, {}, { samples: given(0, 4_000, 0.8) })).toHaveLength(1);
    const whole = { samples: given(500, 4_000, 0), causes: [stopped(500, 4_000)] };
    expect(attempted(timedOut, 4_000, {}, whole)).toHaveLength(1);
  });

  test('may have been refused what its source has handed out past its time, until the actor of that has seen the step', () => {
    const known = { sources: ['source'] };
    const dead = cause('kill', 'zombie', 'source', -1_500);
    expect(attempted(refused, 20, known, { causes: [step(-5_000, -900)] })).toEqual([]);
    expect(attempted(refused, 20, known, { causes: [step(-5_000, -5_000)] })).toHaveLength(1);
    expect(attempted(refused, 20, known, { causes: [dead, step(-5_000, -1_400)] })).toEqual([]);
    expect(attempted(refused, 20, known, { causes: [step(-5_000, -5_000), dead] })).toHaveLength(1);
    expect(attempted(refused, 20, {}, { causes: [step(-5_000, -900)] })).toHaveLength(1);
  });

  test('may have been refused what is signed while the clock is off', () => {
    const known = { signs: true };
    const off = step(-5_000, -60_000);
    expect(attempted(refused, 20, known, { causes: [off] })).toEqual([]);
    expect(attempted(refused, 20, known, { causes: [off, step(0, -30_000)] })).toHaveLength(1);
    expect(attempted(refused, 20, {}, { causes: [off] })).toHaveLength(1);
  });
});

describe('a token past its time', () => {
  const found = (change: Parameters<typeof evidenceOf>[0]): string[] => expired(evidenceOf(change));

  test('is found, where no clock has stepped, and a stop is no reason', () => {
    expect(found({ lates: [late(1_000, 1_010)] })).toHaveLength(1);
    expect(found({ lates: [late(1_000, 1_010)], causes: [stopped(500, 990)] })).toHaveLength(1);
  });

  test('may be handed out for a second after a step, counted from when there is an actor', () => {
    const causes = [step(-5_000, 1_000)];
    expect(found({ causes, lates: [late(1_100, 2_000)] })).toEqual([]);
    expect(found({ causes, lates: [late(1_100, 3_000)] })).toHaveLength(1);
    expect(found({ causes, lates: [late(900, 2_000)] })).toHaveLength(1);
    const killed = [...causes, cause('kill', 'terminate', 'child', 800)];
    expect(found({ causes: killed, lates: [late(1_100, 3_000)] })).toEqual([]);
    const first = recorded().turns;
    // Its successor is there at once: from then on there is a second.
    const [started] = first;
    const back = [{ ...started!, now: { ...started!.now, monoMs: at(900) } }];
    expect(found({ causes: killed, threads: [back], lates: [late(1_100, 3_000)] })).toHaveLength(1);
  });

  test('may be handed out longer where the actor gets no time', () => {
    const causes = [step(-5_000, 1_000)];
    const lates = [late(1_100, 4_000)];
    expect(found({ causes, lates, samples: given(1_000, 5_000, 0.5) })).toEqual([]);
    expect(found({ causes, lates, samples: given(1_000, 5_000, 0.9) })).toHaveLength(1);
  });
});

describe('the end of a thread', () => {
  test('is by a kill, and in its time', () => {
    const causes = [cause('kill', 'loop', 'child', 1_000)];
    expect(problems({ causes, exits: [exit(6_000, { kind: 'hung' })] })).toEqual([]);
    expect(problems({ causes, exits: [exit(20_000, { kind: 'hung' })] })).toHaveLength(1);
    expect(problems({ exits: [exit(6_000)] })).toHaveLength(1);
  });

  test('is for no stop, and for no lack of time', () => {
    const exits = [exit(6_000, { kind: 'hung' })];
    expect(problems({ causes: [stopped(1_000, 5_900)], exits })).toHaveLength(1);
    expect(problems({ samples: given(0, 6_000, 0.1), exits })).toHaveLength(1);
  });

  test('is by an error of its own only if that was ordered', () => {
    const causes = [cause('kill', 'throw', 'child', 1_000)];
    const crash = (message: string) => [exit(1_100, { kind: 'crash', error: { message } })];
    expect(problems({ causes, exits: crash('chaos: thrown on demand') })).toEqual([]);
    expect(problems({ causes, exits: crash('undefined is not a function') })).toHaveLength(1);
  });

  test('is not waited for any longer only where it can not be ended', () => {
    const zombies = [{ name: 'child', atMonoMs: at(5_000) }];
    expect(problems({ causes: [cause('kill', 'zombie', 'child', 1_000)], zombies })).toEqual([]);
    expect(problems({ causes: [cause('kill', 'terminate', 'child', 1_000)], zombies })).toHaveLength(1);
    expect(problems({ causes: [stopped(1_000, 4_900)], zombies })).toHaveLength(1);
  });
});

describe('a park', () => {
  test('is for a failure of its kind, and by an answer that parks', () => {
    const child = recorded({ 2: refused }).advance(5_000);
    const [{ monoMs } = { monoMs: NaN }] = child.notices.filter(({ notice }) => notice.type === 'child:parked');
    const faults = (kind: string) => [{ clientId: 'child', kind, atMonoMs: monoMs - 10 }];
    expect(problems({ threads: [child.turns], faults: faults('refuses the client') })).toEqual([]);
    const [found, ...others] = problems({ threads: [child.turns], faults: faults('answers 500') });
    expect(others).toEqual([]);
    expect(found).toMatch('parked (fatal_answer) for fatal');
    // Nothing has refused it.
    expect(problems({ threads: [child.turns] })).toHaveLength(1);
  });

  test('may be by a secret that is changed, whatever else was dealt out just before', () => {
    const child = recorded({ 2: refused }).advance(5_000);
    const { failedMs } = timesOf(recorded({ 2: refused }).advance(9_000));
    const faults = [{ clientId: 'child', kind: 'answers no token', atMonoMs: at(failedMs - 300) }];
    const threads = [child.turns];
    const rotated = cause('change', 'update()', 'child', failedMs - 500, failedMs - 100);
    expect(problems({ threads, faults, causes: [rotated] })).toEqual([]);
    expect(problems({ threads, faults, causes: [{ ...rotated, kind: 'invalidate()' }] })).not.toEqual([]);
    // Nor does it account for another kind of failure.
    const other = recorded({ 2: failureOf({ class: 'fatal' }) }).advance(5_000);
    expect(problems({ threads: [other.turns], faults, causes: [rotated] })).not.toEqual([]);
  });

  test('for too many restarts is for as many deaths', () => {
    const causes = [1_000, 2_000, 3_000, 4_000].map((ms) => cause('kill', 'terminate', 'child', ms));
    const exits = causes.map(({ fromMonoMs }) => ({ ...exit(0), atMonoMs: fromMonoMs + 10 }));
    const parks = [{ name: 'child', atMonoMs: at(4_050) }];
    expect(problems({ causes, exits, parks })).toEqual([]);
    expect(problems({ causes, exits: exits.slice(1), parks })).toHaveLength(1);
  });
});
