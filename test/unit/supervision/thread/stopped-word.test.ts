/** The word STOPPED, and what the supervision record says, wherever the supervisor thread ends between the two. */
import { describe, expect, test } from 'vitest';
import { readSupervision } from '../../../../src/supervision/child-status.js';
import { allocateChildMemory, bindWords } from '../../../../src/memory/child-memory.js';
import { Header } from '../../../../src/memory/layout.js';
import { AtomicWords } from '../../../../src/memory/words.js';
import { ChildShell, type ChildPlan } from '../../../../src/supervision/thread/child-shell.js';
import { markStopped } from '../../../../src/supervision/thread/mark-stopped.js';
import { newPersistedChild } from '../../../../src/supervision/core/supervisor-state.js';
import type { ChildPhase } from '../../../../src/supervision/core/types.js';
import { rulesOf } from '../simulated-shell.js';

class Ended extends Error {}

/** Words of a thread that ends before its so-manieth change of them. */
class MortalWords extends AtomicWords {
  left = Infinity;

  override store(index: number, value: number): void {
    this.#live();
    super.store(index, value);
  }

  override compareExchange(index: number, expected: number, replacement: number): number {
    this.#live();
    return super.compareExchange(index, expected, replacement);
  }

  #live(): void {
    this.left -= 1;
    if (this.left < 0) throw new Ended();
  }
}

const child = () => {
  const memory = allocateChildMemory();
  const words = new AtomicWords(memory.shared);
  const plan = { rules: rulesOf('a'), memory, mailboxLimit: 10 } as ChildPlan;
  /** As a supervisor thread of its own has it. */
  const shell = (left = Infinity): { persist: (phase: ChildPhase) => void; words: MortalWords } => {
    const own = new MortalWords(memory.shared);
    bindWords(memory.shared, own);
    const opened = new ChildShell(plan, '');
    bindWords(memory.shared, words);
    own.left = left;
    return { persist: (phase) => opened.persist({ ...newPersistedChild, phase }), words: own };
  };
  return {
    memory,
    shell,
    get word(): boolean {
      return words.load(Header.STOPPED) !== 0;
    },
    get record(): boolean {
      return readSupervision(words)?.phase === 'stopped';
    },
  };
};

describe.each<[string, ChildPhase, ChildPhase]>([
  ['a stop', 'running', 'stopped'],
  ['a restart after one', 'stopped', 'starting'],
])('the supervisor thread ends in %s', (_what, before, after) => {
  test('a stopped child answered: the word never says less than the record, and the next one has it as the record', () => {
    let ends = 0;
    for (let left = 0; ; left += 1) {
      const a = child();
      a.shell().persist(before);
      const dying = a.shell(left);
      let ended = false;
      try {
        dying.persist(after);
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        ended = true;
      }
      if (a.record) expect(a.word, `after ${left} operations`).toBe(true);
      a.shell();
      expect(a.word, `after ${left} operations, and a start`).toBe(a.record);
      if (!ended) break;
      ends += 1;
    }
    expect(ends).toBeGreaterThan(20);
  });
});

test.each(['running', 'stopped'] as const)(
  'a child that is %s, and was ended from outside, stays stopped whatever a thread does that has not heard of it',
  (phase) => {
    const a = child();
    const unaware = a.shell();
    unaware.persist(phase);
    markStopped(a.memory);
    expect([a.word, a.record]).toEqual([true, true]);
    for (const next of ['starting', 'stopped', 'running'] as const)
      expect(() => unaware.persist(next)).toThrow(expect.objectContaining({ code: 'FENCED' }));
    a.shell();
    expect([a.word, a.record]).toEqual([true, true]);
  },
);
