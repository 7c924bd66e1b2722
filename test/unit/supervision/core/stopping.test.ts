import { describe, expect, it } from 'vitest';
import { crash, killed, normal, rulesOf, shutdown, SimulatedShell } from '../simulated-shell.js';

const upAndTerminate = (rules: Parameters<typeof rulesOf>[1]): SimulatedShell => {
  const shell = new SimulatedShell();
  shell.up(rulesOf('a', rules));
  shell.command({ kind: 'terminate_child', name: 'a' });
  return shell;
};

describe('a thread that stood still with the supervisor', () => {
  it('is not killed for time in which neither ran, and is no zombie for it', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { shutdown: 5_000 }));
    shell.command({ kind: 'terminate_child', name: 'a' });
    shell.passes(1_000);
    shell.standsStill(40_000);
    expect(shell.log('kill')).toEqual([]);
    shell.passes(3_999);
    expect(shell.log('kill')).toEqual([]);
    shell.passes(1);
    expect(shell.log('kill')).toEqual(['kill a#1']);
    shell.standsStill(40_000);
    shell.passes(9_999);
    expect(shell.notices('child:zombie')).toEqual([]);
    shell.passes(1);
    expect(shell.notices('child:zombie')).toHaveLength(1);
  });
});

describe('shutdown', () => {
  it('brutal kills at once', () => {
    const shell = upAndTerminate({ shutdown: 'brutal' });
    expect(shell.log('shut_down', 'kill')).toEqual(['kill a#1']);
  });

  it('a number asks, and kills when it has passed', () => {
    const shell = upAndTerminate({ shutdown: 300 });
    shell.passes(299);
    expect(shell.log('shut_down', 'kill')).toEqual(['shut_down a#1']);
    shell.passes(1);
    expect(shell.log('shut_down', 'kill')).toEqual(['shut_down a#1', 'kill a#1']);
  });

  it('infinity asks, and waits; a hung child is killed all the same', () => {
    const shell = upAndTerminate({ shutdown: 'infinity' });
    shell.passes(1e9);
    expect(shell.log('shut_down', 'kill')).toEqual(['shut_down a#1']);
    shell.hangs('a');
    expect(shell.log('kill')).toEqual(['kill a#1']);
  });

  it('infinity does not wait for a start that has failed', () => {
    const shell = new SimulatedShell();
    shell.up();
    const start = shell.command({ kind: 'start_child', rules: rulesOf('a', { shutdown: 'infinity' }) });
    const terminate = shell.command({ kind: 'terminate_child', name: 'a' });
    shell.startFails('a');
    expect(shell.log('shut_down', 'kill')).toEqual(['shut_down a#1', 'kill a#1']);
    expect([shell.outcome(start), shell.outcome(terminate)]).toEqual(['STOPPED', 'ok']);
  });

  // supervisor.erl, shutdown/1.
  it.each([
    ['permanent', 'brutal', killed, false],
    ['permanent', 'brutal', shutdown, true],
    ['transient', 'brutal', shutdown, false],
    ['permanent', 5_000, shutdown, false],
    ['permanent', 5_000, { kind: 'shutdown', detail: 'x' }, true],
    ['transient', 5_000, { kind: 'shutdown', detail: 'x' }, false],
    ['permanent', 5_000, normal, true],
    ['transient', 'infinity', normal, false],
    ['permanent', 5_000, killed, true],
    ['transient', 5_000, killed, true],
    ['transient', 'infinity', crash, true],
  ] as const)('a %s child with shutdown %s that ends by %o is reported: %s', (restart, how, reason, reported) => {
    const shell = upAndTerminate({ restart, shutdown: how });
    shell.exits('a', reason);
    expect(shell.reports().map((report) => report.context)).toEqual(reported ? ['shutdown_error'] : []);
    expect(shell.phase('a')).toBe('stopped');
  });

  it('of a temporary child drops its spec', () => {
    const shell = upAndTerminate({ restart: 'temporary' });
    shell.exits('a', shutdown);
    expect(shell.phase('a')).toBeUndefined();
    expect(shell.log('withdraw', 'forget')).toEqual(['withdraw a', 'forget a']);
  });
});

describe('close', () => {
  it('stops in reverse order, one after the other, and restarts nothing meanwhile', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'), rulesOf('b'), rulesOf('c'));
    const close = shell.command({ kind: 'close' });
    expect(shell.log('shut_down')).toEqual(['shut_down c#1']);
    shell.exits('b', crash);
    expect(shell.log('spawn')).toHaveLength(3);
    shell.exits('c', shutdown);
    expect(shell.log('shut_down')).toEqual(['shut_down c#1', 'shut_down a#1']);
    shell.exits('a', shutdown);
    expect(shell.outcome(close)).toBe('ok');
    expect(shell.ended).toBe('closed');
    expect(shell.log('withdraw')).toEqual(['withdraw c', 'withdraw b', 'withdraw a']);
    expect(shell.reports().map(({ context, offender }) => `${context} ${offender.name}`)).toEqual(['shutdown_error b']);
    expect(shell.wakeAtMs).toBeUndefined();
  });

  it('leaves what waits for a restart stopped', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'), rulesOf('b'));
    shell.exits('a', crash);
    shell.started('a');
    shell.exits('a', crash);
    shell.command({ kind: 'close' });
    shell.passes(1_000);
    shell.exits('b', shutdown);
    expect([shell.phase('a'), shell.phase('b'), shell.ended]).toEqual(['stopped', 'stopped', 'closed']);
  });

  it('does not try a failed restart again', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'), rulesOf('b'));
    shell.exits('a', crash);
    shell.passes(6_000);
    shell.command({ kind: 'close' });
    shell.startFails('a');
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1', 'spawn a#2']);
    shell.exits('b', shutdown);
    expect(shell.ended).toBe('closed');
  });

  it('asks no child twice', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { shutdown: 'brutal' }), rulesOf('b'));
    shell.hangs('a');
    shell.command({ kind: 'terminate_child', name: 'b' });
    shell.command({ kind: 'close' });
    shell.exits('b', shutdown);
    expect(shell.log('shut_down', 'kill')).toEqual(['kill a#1', 'shut_down b#1']);
    shell.exits('a', { kind: 'hung' });
    expect(shell.ended).toBe('closed');
  });

  it('is bounded when nothing ends: the time to ask and the time to kill, for each', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { shutdown: 5_000 }), rulesOf('b', { shutdown: 'brutal' }));
    const close = shell.command({ kind: 'close' });
    shell.passes(24_999);
    expect(shell.outcome(close)).toBeUndefined();
    shell.passes(1);
    expect(shell.outcome(close)).toBe('ok');
    expect(shell.child('a')?.zombies).toEqual([1]);
    shell.exits('a', killed);
    expect(shell.child('a')?.zombies).toEqual([]);
  });
});

describe('a zombie', () => {
  it('is succeeded beside it once, if it can be fenced', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.hangs('a');
    shell.passes(10_000);
    expect(shell.notices('child:zombie')).toEqual([{ type: 'child:zombie', name: 'a', incarnation: 1 }]);
    expect(shell.effects.filter((effect) => effect.kind === 'spawn').at(-1)).toEqual({
      kind: 'spawn',
      name: 'a',
      incarnation: 2,
      beside: 1,
    });
    expect(shell.reports()).toMatchObject([{ context: 'child_terminated', reason: { kind: 'hung' } }]);
    expect(shell.child('a')).toMatchObject({ restarts: 1, zombies: [1] });
  });

  it('has no second beside it: the next to hang is waited for, until either exits', () => {
    const twoHang = (): SimulatedShell => {
      const shell = new SimulatedShell();
      shell.up(rulesOf('a'));
      shell.hangs('a');
      shell.passes(10_000);
      shell.started('a', 2);
      shell.hangs('a', 2);
      shell.passes(10_000);
      expect(shell.phase('a')).toBe('zombie');
      shell.passes(1_000_000);
      expect(shell.log('spawn')).toHaveLength(2);
      return shell;
    };
    const older = twoHang();
    older.exits('a', killed, 1);
    expect(older.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, zombies: [2] });
    const newer = twoHang();
    newer.exits('a', killed, 2);
    expect(newer.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, zombies: [1] });
  });

  it('may be succeeded again after the successor has died', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.hangs('a');
    shell.passes(10_000);
    shell.started('a', 2);
    shell.exits('a', crash, 2);
    shell.passes(100);
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, zombies: [1] });
    shell.started('a', 3);
    shell.exits('a', killed, 1);
    expect(shell.child('a')).toMatchObject({ phase: 'running', incarnation: 3, zombies: [] });
  });

  it('that can not be fenced has no successor before its exit', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { fenceable: false }));
    shell.hangs('a');
    shell.passes(1_000_000);
    expect(shell.phase('a')).toBe('zombie');
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'a' }))).toBe('RESTARTING');
    shell.exits('a', { kind: 'hung' });
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 2 });
  });

  it('of a start that failed counts as the death that it is', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a', { fenceable: false }));
    shell.exits('a', crash);
    shell.send({ kind: 'start_failed', name: 'a', incarnation: 2, error: { name: 'Error', message: 'no' } });
    shell.passes(10_000);
    expect(shell.phase('a')).toBe('zombie');
    shell.exits('a', killed, 2);
    expect(shell.child('a')).toMatchObject({ incarnation: 3, phase: 'starting' });
    expect(shell.reports().at(-1)).toMatchObject({ context: 'start_error', reason: { error: { message: 'no' } } });
  });

  it('and a second one, given up by terminate_child, leave no place for a third', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.hangs('a');
    shell.passes(10_000);
    shell.started('a', 2);
    shell.hangs('a', 2);
    shell.passes(10_000);
    const terminate = shell.command({ kind: 'terminate_child', name: 'a' });
    expect(shell.outcome(terminate)).toBe('ok');
    expect(shell.child('a')).toMatchObject({ phase: 'stopped', zombies: [1, 2] });
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'a' }))).toBe('RUNNING');
    shell.exits('a', killed, 1);
    shell.command({ kind: 'restart_child', name: 'a' });
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, zombies: [2] });
  });

  it('does not hold up terminate_child beyond its time, and is remembered', () => {
    const shell = upAndTerminate({ shutdown: 'brutal', fenceable: false });
    shell.passes(9_999);
    expect(shell.phase('a')).toBe('stopping');
    shell.passes(1);
    expect(shell.phase('a')).toBe('stopped');
    expect(shell.replies.get(2)).toEqual({ ok: true });
    expect(shell.reports()).toMatchObject([{ context: 'shutdown_error', reason: { kind: 'killed' } }]);
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'a' }))).toBe('RUNNING');
    shell.exits('a', killed);
    shell.command({ kind: 'restart_child', name: 'a' });
    expect(shell.phase('a')).toBe('starting');
  });

  it('of a dropped child keeps its number: a namesake has another', () => {
    const shell = upAndTerminate({ restart: 'temporary', shutdown: 'brutal' });
    shell.passes(10_000);
    expect(shell.phase('a')).toBeUndefined();
    shell.command({ kind: 'start_child', rules: rulesOf('a') });
    expect(shell.child('a')).toMatchObject({ incarnation: 2, zombies: [1] });
    shell.exits('a', killed, 1);
    expect(shell.child('a')).toMatchObject({ phase: 'starting', zombies: [] });
  });
});
