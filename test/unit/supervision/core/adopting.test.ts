import { expect, it } from 'vitest';
import { crash, rulesOf, shutdown, SimulatedShell } from '../simulated-shell.js';

it('adopt: what ran runs again, with no restart counted; what stood still stands still', () => {
  const old = new SimulatedShell();
  old.up(
    rulesOf('runs'),
    rulesOf('stopped'),
    rulesOf('parked', { maxRestarts: 0 }),
    rulesOf('restarting'),
    rulesOf('stopping'),
    rulesOf('hung'),
  );
  old.command({ kind: 'terminate_child', name: 'stopped' });
  old.exits('stopped', shutdown);
  old.exits('parked', crash);
  old.exits('restarting', crash);
  old.started('restarting');
  old.exits('restarting', crash);
  old.command({ kind: 'terminate_child', name: 'stopping' });
  old.hangs('hung');
  const phases = old.child('parked')?.dueMonoMs;

  const shell = old.adopted();
  expect(shell.phase('parked')).toBe('parked');
  expect(shell.child('parked')?.dueMonoMs).toBe(phases);
  expect([shell.phase('stopped'), shell.phase('stopping')]).toEqual(['stopped', 'stopped']);
  expect(shell.child('restarting')).toMatchObject({
    phase: 'restarting',
    dueMonoMs: old.child('restarting')?.dueMonoMs,
  });
  expect(shell.log('spawn')).toEqual(['spawn runs#2', 'spawn hung#2']);
  shell.started('runs');
  shell.started('hung');
  expect(shell.notices('child:restarted').map((notice) => notice.name)).toEqual(['runs', 'hung']);
  expect([shell.child('runs')?.restarts, shell.child('hung')?.restarts]).toEqual([0, 0]);
  shell.passes(100);
  expect(shell.child('restarting')).toMatchObject({ phase: 'starting', incarnation: 3, restarts: 2 });
});

it('adopt keeps the count: the next death may be one too many', () => {
  const old = new SimulatedShell();
  old.up(rulesOf('a', { maxRestarts: 1 }));
  old.exits('a', crash);
  const shell = old.adopted();
  shell.started('a');
  shell.exits('a', crash);
  expect(shell.phase('a')).toBe('parked');
});

it('adopt starts no more at once than may be booting, and goes on', () => {
  const old = new SimulatedShell({ startConcurrency: 2 });
  old.up(rulesOf('a'), rulesOf('b'), rulesOf('c'));
  const shell = old.adopted();
  expect(shell.log('spawn')).toEqual(['spawn a#2', 'spawn b#2']);
  const again = shell.adopted();
  expect(again.log('spawn')).toEqual(['spawn a#3', 'spawn b#3']);
  again.startFails('a');
  expect(again.log('spawn')).toEqual(['spawn a#3', 'spawn b#3', 'spawn c#2']);
  again.started('b');
  expect(again.log('spawn').at(-1)).toBe('spawn a#4');
});

it('adopt starts those first whose readers are without, then the soonest expiry', () => {
  const old = new SimulatedShell({ startConcurrency: 1 });
  old.up(rulesOf('late'), rulesOf('soon'), rulesOf('never'), rulesOf('without'));
  const shell = old.adopted({ late: 2e12, soon: 1e12 + 200_000, never: Infinity });
  for (const name of ['without', 'soon', 'late', 'never']) {
    expect(shell.log('spawn').at(-1)).toBe(`spawn ${name}#2`);
    shell.started(name);
  }
});

it('two boots that hang keep the others from their start for seconds, not until their initTimeoutMs', () => {
  const old = new SimulatedShell({ startConcurrency: 2 });
  old.up(rulesOf('a'), rulesOf('b'), rulesOf('c'), rulesOf('d'));
  const shell = old.adopted();
  shell.passes(4_999);
  expect(shell.log('spawn')).toEqual(['spawn a#2', 'spawn b#2']);
  shell.passes(1);
  expect(shell.log('spawn')).toEqual(['spawn a#2', 'spawn b#2', 'spawn c#2', 'spawn d#2']);
  // They are not given up for that.
  shell.started('a');
  expect(shell.phase('a')).toBe('running');
});

it('a place is held for lived time: after a freeze a boot has its seconds still', () => {
  const old = new SimulatedShell({ startConcurrency: 1 });
  old.up(rulesOf('a'), rulesOf('b'));
  const shell = old.adopted();
  shell.passes(1_000);
  shell.standsStill(40_000);
  expect(shell.log('spawn')).toEqual(['spawn a#2']);
  shell.passes(4_000);
  expect(shell.log('spawn')).toEqual(['spawn a#2', 'spawn b#2']);
});

it("adopt under escalation 'supervisor' puts the shared count together again", () => {
  const old = new SimulatedShell({ escalation: 'supervisor', maxRestarts: 2 });
  old.up(rulesOf('a'), rulesOf('b'));
  for (const name of ['a', 'b']) {
    old.exits(name, crash);
    old.started(name);
  }
  const shell = old.adopted();
  shell.started('a');
  shell.started('b');
  shell.exits('a', crash);
  shell.exits('b', shutdown);
  expect(shell.ended).toBe('restart_intensity');
});
