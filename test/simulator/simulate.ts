/** Runs scenarios by their seeds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Coverage } from './coverage.js';
import { Invariants, Violation, type Invariant } from './invariants.js';
import type { Observation } from './observation.js';
import { Scenario } from './scenario.js';
import { line, Trace } from './trace.js';

export interface Failure {
  readonly seed: number;
  readonly step: number;
  readonly invariant: string;
  readonly what: string;
  /** The last things that happened, the last one last. */
  readonly last: readonly string[];
}

export interface SeedRun {
  readonly steps: number;
  readonly failure?: Failure;
  /** Of all that could be seen: the same seed, the same digest. */
  readonly digest?: string;
}

const LAST = 60;

/** The command that runs this seed again. */
const replayOf = (seed: number): string => `npm run simulate -- --seeds 1 --from ${seed}`;

export interface RunOptions {
  /** Is told of all that happens. */
  readonly coverage?: Coverage;
  /** Keep what happened, which is slow: a failing seed is run again with it. */
  readonly trace?: boolean;
  /** Besides those of every run. */
  readonly invariants?: () => readonly Invariant[];
}

export const runSeed = async (seed: number, options: RunOptions = {}): Promise<SeedRun> => {
  const { coverage, trace = false, invariants: more = () => [] } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'simulate-'));
  const kept = new Trace(folder, LAST);
  let steps = 0;
  let invariants: Invariants | undefined;
  const observe = (observation: Observation, facts: Scenario['facts']): void => {
    steps += 1;
    if (trace) kept.add(observation);
    coverage?.add(observation);
    invariants ??= new Invariants(facts, more());
    invariants.check(observation);
  };
  try {
    await new Scenario(seed, folder, observe, () => invariants?.heldMs() ?? 0).run();
    return { steps, ...(trace && { digest: kept.digest() }) };
  } catch (error) {
    const { invariant, message } =
      error instanceof Violation ? error : { invariant: 'nothing throws', message: line(error) };
    // Once more, with all that happened; what does not fail again is told as it is.
    if (!trace) {
      const again = await runSeed(seed, { trace: true, invariants: more });
      if (again.failure) return again;
    }
    return { steps, failure: { seed, step: steps, invariant, what: message, last: kept.last() } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

export const describeFailure = ({ seed, step, invariant, what, last }: Failure): string =>
  [
    `seed ${seed}, step ${step}: violates "${invariant}"`,
    `  ${what}`,
    '  what happened before it:',
    ...last.map((one) => `    ${one}`),
    `  to replay: ${replayOf(seed)}`,
  ].join('\n');
