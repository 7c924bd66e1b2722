/** What becomes of a snapshot when its thread has ended: `onExit`. */
import { describe, expect, it } from 'vitest';
import type { SupervisorEffect } from '../../../../src/supervision/core/types.js';
import { crash, killed, normal, rulesOf, SimulatedShell } from '../simulated-shell.js';

/** The effects that anybody sees, in order, as words. */
const visible = (effects: readonly SupervisorEffect[]): readonly string[] =>
  effects.flatMap((effect) => {
    if (effect.kind === 'persist') return [`persist ${effect.persisted.phase}`];
    if (effect.kind === 'notice') return [effect.notice.type];
    return effect.kind === 'wake' || effect.kind === 'report' ? [] : [effect.kind];
  });

const upWith = (rules: Parameters<typeof rulesOf>[1] = {}): SimulatedShell => {
  const shell = new SimulatedShell();
  shell.up(rulesOf('a', { onExit: 'withdraw', ...rules }));
  return shell;
};

describe("onExit: 'withdraw'", () => {
  it('takes the snapshot back first: before the exit is told, before the restart, before the spawn', () => {
    const effects = visible(upWith().exits('a', crash));
    expect(effects[0]).toBe('withdraw');
    expect(effects.filter((effect) => effect === 'withdraw')).toHaveLength(1);
    expect(effects).toEqual(expect.arrayContaining(['child:exited', 'child:restarting', 'spawn']));
  });

  it('before a back-off, and before a park', () => {
    const shell = upWith({ maxRestarts: 1 });
    shell.exits('a', crash);
    shell.started('a');
    const parked = visible(shell.exits('a', crash));
    expect(parked[0]).toBe('withdraw');
    expect(parked).toContain('child:parked');
    const backOff = upWith();
    backOff.exits('a', crash);
    backOff.started('a');
    const waiting = visible(backOff.exits('a', crash));
    expect(waiting[0]).toBe('withdraw');
    expect(waiting).not.toContain('spawn');
  });

  it('behind a zombie: before its successor starts, and not again at its exit, when there is another snapshot', () => {
    const shell = upWith();
    shell.hangs('a');
    shell.passes(9_999);
    expect(shell.log('withdraw')).toEqual([]);
    shell.passes(1);
    expect(shell.log('withdraw', 'spawn')).toEqual(['spawn a#1', 'withdraw a', 'spawn a#2']);
    shell.started('a', 2);
    expect(visible(shell.exits('a', killed, 1))).toEqual(['child:exited']);
  });

  it('behind a zombie that has no successor, because it can’t be fenced', () => {
    const shell = upWith({ fenceable: false });
    shell.hangs('a');
    shell.passes(10_000);
    expect(shell.phase('a')).toBe('zombie');
    expect(shell.log('withdraw')).toEqual(['withdraw a']);
  });

  it('after a start that failed, and after a normal end', () => {
    const shell = upWith();
    shell.exits('a', normal);
    expect(visible(shell.startFails('a')).filter((effect) => effect === 'withdraw')).toHaveLength(1);
    const adopted = upWith().adopted();
    adopted.started('a');
    expect(visible(adopted.exits('a', normal))[0]).toBe('withdraw');
  });
});

it("onExit: 'keep' leaves it to the next actor, also behind a zombie", () => {
  const shell = upWith({ onExit: 'keep', maxRestarts: 500 });
  shell.exits('a', crash);
  shell.started('a');
  shell.hangs('a');
  shell.passes(10_000);
  expect(shell.log('withdraw')).toEqual([]);
});
