import { describe, expect, it } from 'vitest';
import { countChildren } from '../../../../src/supervision/core/supervisor-core.js';
import { crash, rulesOf, SimulatedShell } from '../simulated-shell.js';

describe('the first start', () => {
  it('boots so many at once, in order, and answers when all are up', () => {
    const shell = new SimulatedShell({ startConcurrency: 2 });
    const request = shell.start(rulesOf('a'), rulesOf('b'), rulesOf('c'));
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1']);
    shell.started('b');
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1', 'spawn c#1']);
    shell.started('c');
    expect(shell.outcome(request)).toBeUndefined();
    shell.started('a');
    expect(shell.outcome(request)).toBe('ok');
    expect(countChildren(shell.state)).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
  });

  it('without children is done at once', () => {
    const shell = new SimulatedShell();
    expect(shell.outcome(shell.start())).toBe('ok');
  });

  it('that fails stops all in reverse order and names the child and the cause', () => {
    const shell = new SimulatedShell({ startConcurrency: 3 });
    const request = shell.start(rulesOf('a'), rulesOf('b'), rulesOf('c'), rulesOf('d'));
    shell.started('a');
    shell.startFails('b');
    expect(shell.log('spawn', 'shut_down', 'kill')).toEqual([
      'spawn a#1',
      'spawn b#1',
      'spawn c#1',
      'spawn d#1',
      'kill b#1',
      'shut_down d#1',
    ]);
    shell.exits('d', { kind: 'shutdown' });
    shell.exits('c', { kind: 'shutdown' });
    expect(shell.outcome(request)).toBeUndefined();
    shell.exits('a', { kind: 'shutdown' });
    const outcome = shell.replies.get(request);
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 'START_FAILED', child: 'b', cause: { message: 'no init' } },
    });
    expect(shell.ended).toBe('start_failed');
    expect(shell.reports().map((report) => report.context)).toEqual(['start_error']);
  });

  it('that ends by an exit alone says how the thread ended', () => {
    const shell = new SimulatedShell();
    const request = shell.start(rulesOf('a'));
    shell.exits('a', { kind: 'exit', code: 7 });
    expect(shell.replies.get(request)).toMatchObject({
      error: { cause: { message: expect.stringContaining('7') as string } },
    });
  });

  it('lets a child that dies meanwhile restart, and commands wait', () => {
    const shell = new SimulatedShell();
    const request = shell.start(rulesOf('a'), rulesOf('b'));
    shell.started('a');
    shell.exits('a', crash);
    const added = shell.command({ kind: 'start_child', rules: rulesOf('c') });
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1', 'spawn a#2']);
    shell.started('b');
    expect(shell.outcome(request)).toBe('ok');
    expect(shell.log('spawn').at(-1)).toBe('spawn c#1');
    shell.started('c');
    expect(shell.outcome(added)).toBe('ok');
  });

  it('is cut short by close', () => {
    const shell = new SimulatedShell();
    const request = shell.start(
      rulesOf('a', { shutdown: 'brutal' }),
      rulesOf('b', { shutdown: 'brutal' }),
      rulesOf('c'),
    );
    const close = shell.command({ kind: 'close' });
    shell.exits('b', { kind: 'killed' });
    shell.exits('a', { kind: 'killed' });
    expect([shell.outcome(request), shell.outcome(close), shell.ended]).toEqual(['STOPPED', 'ok', 'closed']);
  });
});

describe('a burst of start_child', () => {
  const burst = (shell: SimulatedShell, ...names: readonly string[]): readonly number[] =>
    names.map((name) => shell.command({ kind: 'start_child', rules: rulesOf(name) }));

  it('boots no more at once than the first start, and each is answered', () => {
    const shell = new SimulatedShell({ startConcurrency: 2 });
    shell.up(rulesOf('a'));
    const requests = burst(shell, 'b', 'c', 'd');
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1', 'spawn c#1']);
    shell.startFails('b');
    expect(shell.log('spawn').at(-1)).toBe('spawn d#1');
    for (const name of ['c', 'd']) shell.started(name);
    expect(requests.map((request) => shell.outcome(request))).toEqual(['START_FAILED', 'ok', 'ok']);
  });

  it('lets a child that had died before it go first', () => {
    const shell = new SimulatedShell({ startConcurrency: 1 });
    shell.up(rulesOf('a'));
    burst(shell, 'b', 'c');
    shell.exits('a', crash);
    expect(shell.phase('a')).toBe('restarting');
    shell.started('b');
    expect(shell.log('spawn').at(-1)).toBe('spawn a#2');
  });

  it('can be terminated while it waits: it is told so, and leaves nothing', () => {
    const shell = new SimulatedShell({ startConcurrency: 1 });
    shell.up(rulesOf('a'));
    const [, second = 0] = burst(shell, 'b', 'c');
    const terminate = shell.command({ kind: 'terminate_child', name: 'c' });
    expect([shell.outcome(second), shell.outcome(terminate)]).toEqual(['STOPPED', 'ok']);
    expect(shell.phase('c')).toBeUndefined();
    shell.started('b');
    expect(shell.log('spawn')).toEqual(['spawn a#1', 'spawn b#1']);
    expect(shell.outcome(shell.command({ kind: 'terminate_child', name: 'c' }))).toBe('NOT_FOUND');
  });

  it('and its like are RUNNING for other commands while they wait', () => {
    const shell = new SimulatedShell({ startConcurrency: 1 });
    shell.up(rulesOf('a'), rulesOf('b'));
    shell.command({ kind: 'terminate_child', name: 'a' });
    shell.exits('a', { kind: 'shutdown' });
    burst(shell, 'c', 'd');
    const restart = shell.command({ kind: 'restart_child', name: 'a' });
    const others = [
      shell.command({ kind: 'restart_child', name: 'a' }),
      shell.command({ kind: 'delete_child', name: 'a' }),
      shell.command({ kind: 'restart_child', name: 'd' }),
      shell.command({ kind: 'start_child', rules: rulesOf('d') }),
    ];
    expect(others.map((request) => shell.outcome(request))).toEqual([
      'RUNNING',
      'RUNNING',
      'RUNNING',
      'ALREADY_STARTED',
    ]);
    for (const name of ['c', 'd', 'a']) shell.started(name);
    expect(shell.outcome(restart)).toBe('ok');
  });

  it('is cut short by close', () => {
    const shell = new SimulatedShell({ startConcurrency: 1 });
    shell.up(rulesOf('a', { shutdown: 'brutal' }));
    const requests = burst(shell, 'b', 'c');
    shell.command({ kind: 'close' });
    shell.exits('b', { kind: 'killed' });
    shell.exits('a', { kind: 'killed' });
    expect(requests.map((request) => shell.outcome(request))).toEqual(['STOPPED', 'STOPPED']);
    expect(shell.ended).toBe('closed');
  });
});

describe('commands', () => {
  it('start_child: a new child, one that exists, one that does not start', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    expect(shell.outcome(shell.command({ kind: 'start_child', rules: rulesOf('a') }))).toBe('ALREADY_STARTED');
    const failing = shell.command({ kind: 'start_child', rules: rulesOf('b') });
    shell.startFails('b');
    expect(shell.outcome(failing)).toBe('START_FAILED');
    expect(shell.phase('b')).toBeUndefined();
    expect(shell.reports()).toEqual([]);
    const added = shell.command({ kind: 'start_child', rules: rulesOf('b') });
    shell.started('b');
    expect(shell.outcome(added)).toBe('ok');
    expect(shell.notices('child:started')).toHaveLength(2);
  });

  it('terminate_child keeps the spec, withdraws, and restart_child starts it', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    const terminate = shell.command({ kind: 'terminate_child', name: 'a' });
    expect(shell.persisted.get('a')).toMatchObject({ phase: 'stopping', stopAsked: true });
    shell.exits('a', { kind: 'shutdown' });
    expect(shell.outcome(terminate)).toBe('ok');
    expect(shell.phase('a')).toBe('stopped');
    expect(shell.log('withdraw')).toEqual(['withdraw a']);
    expect(shell.reports()).toEqual([]);
    expect(shell.outcome(shell.command({ kind: 'start_child', rules: rulesOf('a') }))).toBe('ALREADY_STARTED');
    const restart = shell.command({ kind: 'restart_child', name: 'a' });
    expect(shell.outcome(restart)).toBeUndefined();
    shell.started('a');
    expect(shell.outcome(restart)).toBe('ok');
    expect(shell.child('a')).toMatchObject({ phase: 'running', incarnation: 2, restarts: 0 });
  });

  it('restart_child whose init fails leaves the child stopped', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    shell.command({ kind: 'terminate_child', name: 'a' });
    shell.exits('a', { kind: 'shutdown' });
    const restart = shell.command({ kind: 'restart_child', name: 'a' });
    shell.startFails('a');
    expect(shell.outcome(restart)).toBe('START_FAILED');
    expect(shell.phase('a')).toBe('stopped');
  });

  it('restart_child and delete_child need a stopped child', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    const outcomes = (): readonly unknown[] =>
      (['restart_child', 'delete_child'] as const).map((kind) => shell.outcome(shell.command({ kind, name: 'a' })));
    expect(outcomes()).toEqual(['RUNNING', 'RUNNING']);
    shell.exits('a', crash);
    shell.started('a');
    shell.exits('a', crash);
    expect(shell.phase('a')).toBe('restarting');
    expect(outcomes()).toEqual(['RESTARTING', 'RESTARTING']);
    shell.command({ kind: 'terminate_child', name: 'a' });
    expect(shell.phase('a')).toBe('stopped');
    shell.passes(1_000);
    expect(shell.phase('a')).toBe('stopped');
    expect(shell.outcome(shell.command({ kind: 'delete_child', name: 'a' }))).toBe('ok');
    expect(shell.log('forget')).toEqual(['forget a']);
    expect(outcomes()).toEqual(['NOT_FOUND', 'NOT_FOUND']);
  });

  it('that name a child which is being stopped wait for the stop, in order', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'), rulesOf('b'));
    shell.command({ kind: 'terminate_child', name: 'a' });
    const restart = shell.command({ kind: 'restart_child', name: 'a' });
    const again = shell.command({ kind: 'terminate_child', name: 'a' });
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'b' }))).toBe('RUNNING');
    expect(shell.outcome(restart)).toBeUndefined();
    shell.exits('a', { kind: 'shutdown' });
    expect(shell.phase('a')).toBe('stopping');
    shell.exits('a', { kind: 'shutdown' });
    expect([shell.outcome(restart), shell.outcome(again), shell.phase('a')]).toEqual(['STOPPED', 'ok', 'stopped']);
  });

  it('after close are answered STOPPED; another close is ok', () => {
    const shell = new SimulatedShell();
    shell.up(rulesOf('a'));
    const first = shell.command({ kind: 'close' });
    const second = shell.command({ kind: 'close' });
    expect(shell.outcome(shell.command({ kind: 'terminate_child', name: 'a' }))).toBe('STOPPED');
    shell.exits('a', { kind: 'shutdown' });
    expect([shell.outcome(first), shell.outcome(second)]).toEqual(['ok', 'ok']);
    expect(shell.outcome(shell.command({ kind: 'restart_child', name: 'a' }))).toBe('STOPPED');
    expect(shell.outcome(shell.command({ kind: 'close' }))).toBe('ok');
  });
});
