import { describe, expect, it } from 'vitest';
import { crash, normal, rulesOf, shutdown, SimulatedShell } from '../simulated-shell.js';

/** Crashes the child as often as it may be restarted, and once more. */
const crashUntilParked = (shell: SimulatedShell, name: string): void => {
  while (shell.phase(name) !== 'parked') {
    if (shell.phase(name) === 'starting') shell.started(name);
    if (shell.phase(name) === 'running') shell.exits(name, crash);
    if (shell.phase(name) === 'restarting') shell.passes(100);
  }
};

describe('after an exit', () => {
  it.each([
    ['permanent', normal, 'starting', 1],
    ['permanent', crash, 'starting', 1],
    ['transient', normal, 'stopped', 0],
    ['transient', shutdown, 'stopped', 0],
    ['transient', { kind: 'shutdown', detail: 'x' }, 'stopped', 0],
    ['transient', crash, 'starting', 1],
    ['transient', { kind: 'exit', code: 0 }, 'starting', 1],
    ['temporary', normal, undefined, 0],
    ['temporary', crash, undefined, 1],
  ] as const)('a %s child that ends by %o is %s, with %i report', (restart, reason, phase, reports) => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { restart }));
    shell.exits('a', reason);
    expect(shell.phase('a')).toBe(phase);
    expect(shell.reports().map((report) => report.context)).toEqual(Array(reports).fill('child_terminated'));
    expect(shell.log('withdraw')).toEqual(phase === 'starting' ? [] : ['withdraw a']);
    expect(shell.log('forget')).toEqual(phase === undefined ? ['forget a'] : []);
  });

  it('tells who, why, and that it is up again', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.exits('a', crash);
    shell.started('a');
    expect(shell.notices().slice(1)).toEqual([
      { type: 'child:exited', name: 'a', incarnation: 1, reason: crash },
      { type: 'child:restarting', name: 'a', incarnation: 2, inMs: 0 },
      { type: 'child:restarted', name: 'a', incarnation: 2 },
    ]);
    expect(shell.reports()[0]?.offender).toEqual({
      name: 'a',
      incarnation: 1,
      restart: 'permanent',
      shutdown: 5_000,
    });
    expect(shell.child('a')).toMatchObject({ restarts: 1, lastExit: { reason: crash } });
  });

  it('ignores late events of an old incarnation', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.exits('a', crash);
    const before = shell.effects.length;
    shell.started('a', 1);
    shell.hangs('a', 1);
    shell.send({ kind: 'start_failed', name: 'a', incarnation: 1, error: { name: 'Error', message: '' } });
    shell.send({ kind: 'exited', name: 'a', incarnation: 1, reason: crash });
    shell.send({ kind: 'exited', name: 'nobody', incarnation: 1, reason: crash });
    expect(shell.effects.slice(before)).toEqual([]);
  });

  it('a silent heartbeat is a kill, and then a death', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.hangs('a');
    shell.hangs('a');
    expect(shell.effects.filter((effect) => effect.kind === 'kill')).toEqual([
      { kind: 'kill', name: 'a', incarnation: 1, reason: 'hung' },
    ]);
    shell.exits('a', { kind: 'hung' });
    expect(shell.child('a')).toMatchObject({ phase: 'starting', restarts: 1, lastExit: { reason: { kind: 'hung' } } });
  });
});

describe('a child that hangs whenever it starts', () => {
  const hangsAfter = (shell: SimulatedShell, ms: number): void => {
    shell.passes(ms);
    if (shell.phase('a') === 'starting') shell.started('a');
    shell.hangs('a');
    shell.exits('a', { kind: 'hung' });
    shell.passes(1_000);
  };

  it('is parked, however far apart its bound makes its deaths', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { maxRestarts: 3, maxSeconds: 5, hangTimeoutMs: 10_000 }));
    for (let nth = 0; nth < 2; nth += 1) hangsAfter(shell, 19_000);
    // Another supervisor counts on.
    const next = shell.adopted();
    for (let nth = 0; nth < 2; nth += 1) hangsAfter(next, 19_000);
    expect(next.phase('a')).toBe('parked');
    expect(next.child('a')).toMatchObject({ restarts: 3, parkedTimes: 1 });
  });

  it('regression: a child whose init hung was started again for ever', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { maxRestarts: 3, maxSeconds: 5, initTimeoutMs: 30_000 }));
    shell.exits('a', crash);
    for (let nth = 0; nth < 4; nth += 1) {
      expect(shell.phase('a')).toBe('starting');
      shell.passes(45_000);
      shell.startFails('a', { timedOut: true });
      shell.passes(1_000);
    }
    expect(shell.child('a')).toMatchObject({ phase: 'parked', parkedTimes: 1 });
  });

  it('regression: a child that never came to run was started again for ever, if its hangTimeoutMs was short', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { hangTimeoutMs: 200 }));
    shell.exits('a', crash);
    for (let nth = 0; nth < 4; nth += 1) {
      expect(shell.phase('a')).toBe('starting');
      shell.passes(12_000);
      shell.hangs('a');
      shell.exits('a', { kind: 'hung' });
      shell.passes(1_000);
    }
    expect(shell.phase('a')).toBe('parked');
  });

  it('whose starts fail for another reason is started again for as long as they are far apart', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { maxRestarts: 3, maxSeconds: 5 }));
    shell.exits('a', crash);
    for (let nth = 0; nth < 10; nth += 1) {
      shell.passes(10_000);
      shell.startFails('a');
    }
    expect(shell.notices('child:parked')).toEqual([]);
  });

  it('is not, if it hangs once in a while: other deaths count for maxSeconds only', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { maxRestarts: 3, maxSeconds: 5, hangTimeoutMs: 10_000 }));
    for (let nth = 0; nth < 8; nth += 1) {
      hangsAfter(shell, 60_000);
      if (shell.phase('a') === 'starting') shell.started('a');
      for (let deaths = 0; deaths < 2; deaths += 1) {
        shell.exits('a', crash);
        shell.passes(1_000);
        shell.started('a');
      }
    }
    expect(shell.notices('child:parked')).toEqual([]);
  });
});

describe('intensity per child', () => {
  it('waits 0, 100, 200 ms, then parks; siblings run on', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'), rulesOf('b'));
    crashUntilParked(shell, 'a');
    const waits = shell.notices('child:restarting').map((notice) => 'inMs' in notice && notice.inMs);
    expect(waits).toEqual([0, 100, 200]);
    expect(shell.notices('child:parked')).toMatchObject([{ why: 'restart_intensity', retryInMs: 60_000 }]);
    expect(shell.log('withdraw')).toEqual([]);
    expect(shell.phase('b')).toBe('running');
    expect(shell.ended).toBeUndefined();
  });

  it('counts a start that fails as another death', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.exits('a', crash);
    for (const waitMs of [0, 100, 200]) {
      shell.passes(waitMs);
      shell.startFails('a');
    }
    expect(shell.phase('a')).toBe('parked');
    expect(shell.reports().map((report) => report.context)).toEqual([
      'child_terminated',
      ...Array.from({ length: 3 }, () => 'start_error'),
    ]);
  });

  it('does not park a child whose restarts are far enough apart', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    for (let nth = 0; nth < 20; nth++) {
      shell.exits('a', crash);
      shell.passes(2_000);
      shell.started('a');
    }
    expect(shell.notices('child:parked')).toEqual([]);
  });

  it('tries a parked child again after 60 s, doubling to 10 min', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    const retries = [60_000, 120_000, 240_000, 480_000, 600_000, 600_000];
    for (const retryInMs of retries) {
      crashUntilParked(shell, 'a');
      shell.passes(retryInMs - 1);
      expect(shell.phase('a')).toBe('parked');
      shell.passes(1);
      expect(shell.phase('a')).toBe('starting');
    }
    const told = shell.notices('child:parked').map((notice) => 'retryInMs' in notice && notice.retryInMs);
    expect(told).toEqual(retries);
    expect(shell.notices('child:resumed')).toEqual(Array(6).fill({ type: 'child:resumed', name: 'a', by: 'probe' }));
  });

  it('forgets the doubling once an incarnation ran as long as the park before it', () => {
    const parkedTwice = (ranMs: number): unknown => {
      const shell = new SimulatedShell();
      shell.up(rulesOf('a'));
      crashUntilParked(shell, 'a');
      shell.passes(60_000);
      shell.started('a');
      shell.passes(ranMs);
      crashUntilParked(shell, 'a');
      return shell.notices('child:parked').map((notice) => 'retryInMs' in notice && notice.retryInMs);
    };
    expect(parkedTwice(59_999)).toEqual([60_000, 120_000]);
    expect(parkedTwice(60_000)).toEqual([60_000, 60_000]);
  });

  it('resume_child un-parks at once, with a clean count', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    crashUntilParked(shell, 'a');
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'a' }))).toBe('RESTARTING');
    expect(shell.outcome(shell.command({ kind: 'resume_child', name: 'a' }))).toBe('ok');
    shell.started('a');
    shell.exits('a', crash);
    expect(shell.phase('a')).toBe('starting');
    expect(shell.outcome(shell.command({ kind: 'resume_child', name: 'a' }))).toBe('ok');
    expect(shell.notices('child:resumed')).toHaveLength(1);
    expect(shell.outcome(shell.command({ kind: 'resume_child', name: 'x' }))).toBe('NOT_FOUND');
  });

  it('terminate_child on a parked child stops it for good', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    crashUntilParked(shell, 'a');
    expect(shell.outcome(shell.command({ kind: 'terminate_child', name: 'a' }))).toBe('ok');
    expect(shell.log('withdraw')).toEqual(['withdraw a']);
    shell.passes(1_000_000);
    expect(shell.phase('a')).toBe('stopped');
  });
});
