/** Models as tests run them: that no interleaving breaks one, or that some does, with what was tried for the log. */
import { afterAll, expect } from 'vitest';
import { type Exploration, explore, type Model } from './explore-interleavings.js';

export type SmallModel = Omit<Model, 'words'>;

export interface Runs {
  /** No interleaving breaks it, and there were so many: at least ten to the `digits`. */
  readonly holds: (name: string, model: SmallModel, digits: number) => void;
  /** Some interleaving breaks it, and this is how. */
  readonly breaks: (name: string, model: SmallModel, how: RegExp) => void;
}

/** For models of so many words. What was tried is printed at the end. */
export const interleavingRuns = (words: number): Runs => {
  const table: string[] = [];
  afterAll(() => console.log(table.join('\n')));
  const run = (name: string, model: SmallModel): Exploration => {
    const exploration = explore({ words, ...model });
    const { schedules, states, violation } = exploration;
    const found = violation
      ? `found after ${violation.schedule.length} operations: ${violation.message}`
      : `${Number(schedules).toExponential(1)} schedules, ${states} states`;
    table.push(`${name}: ${found}`);
    return exploration;
  };
  return {
    holds: (name, model, digits) => {
      const { schedules, violation } = run(name, model);
      expect(violation).toBeUndefined();
      expect(schedules).toBeGreaterThan(10n ** BigInt(digits));
    },
    breaks: (name, model, how) => {
      const { violation } = run(`wrong: ${name}`, model);
      expect(violation?.message).toMatch(how);
    },
  };
};
