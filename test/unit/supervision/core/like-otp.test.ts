import { describe, expect, it } from 'vitest';
import { crash, killed, normal, rulesOf, shutdown, SimulatedShell } from '../simulated-shell.js';

const otp = (...names: readonly string[]): SimulatedShell => {
  const shell = new SimulatedShell({ escalation: 'supervisor', maxRestarts: 2, maxSeconds: 5 });
  shell.up(...names.map((name) => rulesOf(name)));
  return shell;
};

describe("escalation 'supervisor'", () => {
  it('starts one at a time, in order, whatever startConcurrency says', () => {
    const shell = new SimulatedShell({ escalation: 'supervisor', startConcurrency: 8 });
    shell.start(rulesOf('a'), rulesOf('b'));
    expect(shell.log('spawn')).toEqual(['spawn a#1']);
    shell.started('a');
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1']);
  });

  it('restarts at once, one at a time: a death that comes in between waits', () => {
    const shell = otp('a', 'b');
    shell.exits('a', crash);
    shell.exits('b', crash);
    expect(shell.log('spawn').slice(2)).toEqual(['spawn a#2']);
    expect(shell.reports()).toHaveLength(1);
    shell.started('a');
    expect(shell.log('spawn').slice(2)).toEqual(['spawn a#2', 'spawn b#2']);
  });

  it('gives up at one restart too many: all stopped in reverse order, the offender named', () => {
    const shell = otp('a', 'b', 'c');
    for (let nth = 0; nth < 2; nth++) {
      shell.exits('b', crash);
      shell.started('b');
    }
    shell.exits('b', crash);
    expect(shell.reports().at(-1)).toMatchObject({
      context: 'shutdown',
      reason: { kind: 'reached_max_restart_intensity' },
      offender: { name: 'b' },
    });
    expect(shell.phase('b')).toBe('stopped');
    shell.exits('c', shutdown);
    shell.exits('a', shutdown);
    expect(shell.log('shut_down')).toEqual(['shut_down c#1', 'shut_down a#1']);
    expect(shell.ended).toBe('restart_intensity');
  });

  it('counts in whole seconds, the edge included', () => {
    const deaths = (...atMs: readonly number[]): string | undefined => {
      const shell = otp('a');
      for (const ms of atMs) {
        shell.monoMs = 100_000 + ms;
        shell.exits('a', crash);
        if (shell.phase('a') === 'starting') shell.started('a');
      }
      return shell.ended;
    };
    expect(deaths(0, 1_000, 5_999)).toBe('restart_intensity');
    expect(deaths(0, 1_000, 6_000)).toBeUndefined();
    expect(deaths(999, 1_000, 6_000)).toBeUndefined();
  });

  it('tries a restart whose start fails again at once, each try counted', () => {
    const shell = otp('a');
    shell.exits('a', crash);
    shell.startFails('a');
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, restarts: 2 });
    shell.startFails('a');
    expect(shell.ended).toBe('restart_intensity');
    expect(shell.reports().map((report) => report.context)).toEqual([
      'child_terminated',
      'start_error',
      'start_error',
      'shutdown',
    ]);
  });

  it('looks at what came meanwhile before it tries again: terminate_child ends the trying', () => {
    const shell = otp('a');
    shell.exits('a', crash);
    const requests = [
      shell.command({ kind: 'restart_child', name: 'a' }),
      shell.command({ kind: 'delete_child', name: 'a' }),
      shell.command({ kind: 'terminate_child', name: 'a' }),
      shell.command({ kind: 'delete_child', name: 'a' }),
    ];
    shell.startFails('a');
    expect(requests.map((request) => shell.outcome(request))).toEqual(['RESTARTING', 'RESTARTING', 'ok', 'ok']);
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn a#2']);
  });

  it('does not try again what was terminated meanwhile', () => {
    const shell = otp('a');
    shell.exits('a', crash);
    shell.command({ kind: 'terminate_child', name: 'a' });
    shell.startFails('a');
    expect(shell.phase('a')).toBe('stopped');
  });

  it('a child found dead when it is to be stopped is not restarted: its reason is reported', () => {
    const shell = otp('a', 'b');
    shell.exits('a', crash);
    const terminate = shell.command({ kind: 'terminate_child', name: 'b' });
    shell.exits('b', crash);
    shell.started('a');
    expect(shell.outcome(terminate)).toBe('ok');
    expect(shell.phase('b')).toBe('stopped');
    expect(shell.reports().map(({ context, offender }) => `${context} ${offender.name}`)).toEqual([
      'child_terminated a',
      'shutdown_error b',
    ]);
  });

  it('does not restart a child of the first start before the start is over, and counts it then', () => {
    const shell = new SimulatedShell({ escalation: 'supervisor' });
    const request = shell.start(rulesOf('a'), rulesOf('b'));
    shell.started('a');
    shell.exits('a', crash);
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1']);
    shell.started('b');
    expect(shell.outcome(request)).toBe('ok');
    expect(shell.log('spawn').at(-1)).toBe('spawn a#2');
  });

  it('commands wait while a child stops; what is left when it gives up is answered STOPPED', () => {
    const shell = otp('a', 'b');
    shell.command({ kind: 'terminate_child', name: 'b' });
    const restart = shell.command({ kind: 'restart_child', name: 'b' });
    const close = shell.command({ kind: 'close' });
    const late = shell.command({ kind: 'restart_child', name: 'b' });
    expect(shell.outcome(restart)).toBeUndefined();
    shell.exits('b', shutdown);
    shell.started('b');
    expect(shell.outcome(restart)).toBe('ok');
    expect(shell.log('shut_down').at(-1)).toBe('shut_down b#2');
    shell.exits('b', shutdown);
    shell.exits('a', shutdown);
    expect([shell.outcome(close), shell.outcome(late), shell.ended]).toEqual(['ok', 'STOPPED', 'closed']);
  });

  it('knows no parking and no back-off', () => {
    const shell = new SimulatedShell({ escalation: 'supervisor', maxRestarts: 100 });
    shell.up(rulesOf('a', { maxRestarts: 0 }));
    for (let nth = 0; nth < 50; nth++) {
      shell.exits('a', nth % 2 ? normal : crash);
      expect(shell.phase('a')).toBe('starting');
      shell.started('a');
    }
    expect(shell.wakeAtMs).toBeUndefined();
  });

  it('is not blocked for ever by a failed start whose thread does not end', () => {
    const shell = otp('a', 'b');
    shell.exits('a', crash);
    shell.send({ kind: 'start_failed', name: 'a', incarnation: 2, error: { name: 'Error', message: 'no' } });
    const terminate = shell.command({ kind: 'terminate_child', name: 'b' });
    shell.passes(10_000);
    expect(shell.log('shut_down')).toEqual(['shut_down b#1']);
    shell.exits('b', killed);
    expect(shell.outcome(terminate)).toBe('ok');
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 3, zombies: [2] });
  });

  it('nor by one that can have no successor: that child alone waits', () => {
    const shell = new SimulatedShell({ escalation: 'supervisor' });
    shell.up(rulesOf('a', { fenceable: false }), rulesOf('b'));
    shell.exits('a', crash);
    shell.send({ kind: 'start_failed', name: 'a', incarnation: 2, error: { name: 'Error', message: 'no' } });
    shell.passes(10_000);
    expect(shell.phase('a')).toBe('zombie');
    shell.exits('b', crash);
    expect(shell.phase('b')).toBe('starting');
    shell.exits('a', killed, 2);
    expect(shell.log('spawn').at(-1)).toBe('spawn b#2');
    shell.started('b');
    expect(shell.log('spawn').at(-1)).toBe('spawn a#3');
  });

  it('forgets a zombie that exits before its death has had its turn', () => {
    const shell = otp('a', 'b');
    shell.hangs('a');
    shell.exits('b', crash);
    shell.passes(10_000);
    expect(shell.child('a')).toMatchObject({ phase: 'zombie', zombies: [1] });
    shell.exits('a', { kind: 'hung' }, 1);
    expect(shell.child('a')?.zombies).toEqual([]);
    shell.started('b');
    expect(shell.child('a')).toMatchObject({ phase: 'starting', incarnation: 2, zombies: [] });
  });
});
