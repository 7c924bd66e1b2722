/** Runs scenarios by their seeds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { OneByOne } from '../../src/core/one-by-one.js';
import type { Coverage } from './coverage.js';
import { Invariants, Violation, type Invariant } from './invariants.js';
import type { Observation } from './observation.js';
import { DrawLog, type Draws } from './random.js';
import { Scenario } from './scenario.js';
import { line, Trace } from './trace.js';

/** A world that is run again with each change of the code: what was drawn in it, and the seed for what is drawn beyond. */
export interface KeptWorld {
  readonly name: string;
  readonly seed: number;
  readonly draws: Draws;
}

export interface Failure {
  readonly seed: number;
  readonly kept?: string;
  readonly step: number;
  readonly invariant: string;
  readonly what: string;
  /** The last things that happened, the last one last. */
  readonly last: readonly string[];
}

export interface SeedRun {
  readonly steps: number;
  /** All that was drawn, until the failure if there is one. */
  readonly draws: Draws;
  /** Of a kept world: how many of its draws were not asked for, and how many were drawn beyond them. */
  readonly left: number;
  readonly anew: number;
  readonly failure?: Failure;
  /** Of all that could be seen: the same seed, the same digest. */
  readonly digest?: string;
}

const LAST = 60;

/** The command that runs it again. */
const replayOf = ({ seed, kept }: Failure): string =>
  `npm run simulate -- ${kept === undefined ? `--seeds 1 --from ${seed}` : `--kept ${kept}`}`;

export interface RunOptions {
  /** Is told of all that happens. */
  readonly coverage?: Coverage;
  /** Keep what happened, which is slow: a failing seed is run again with it. */
  readonly trace?: boolean;
  /** Besides those of every run. */
  readonly invariants?: () => readonly Invariant[];
}

/** `Math.random`, and the channel on which turns are heard, are the process's own: a run that nobody waits for holds up the next. */
const runs = new OneByOne();

export const runSeed = (seed: number, options?: RunOptions): Promise<SeedRun> =>
  runs.run('world', () => run({ seed, draws: {} }, options));

export const runKept = (world: KeptWorld, options?: RunOptions): Promise<SeedRun> =>
  runs.run('world', () => run(world, options));

const run = async (world: Omit<KeptWorld, 'name'> & { name?: string }, options: RunOptions = {}): Promise<SeedRun> => {
  const { seed, name } = world;
  const { coverage, trace = false, invariants: more = () => [] } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'simulate-'));
  const happened = new Trace(folder, LAST);
  const log = new DrawLog(world.draws);
  const drawn = (): Pick<SeedRun, 'draws' | 'left' | 'anew'> => ({ draws: log.draws, left: log.left, anew: log.anew });
  let steps = 0;
  let invariants: Invariants | undefined;
  const observe = (observation: Observation, facts: Scenario['facts']): void => {
    steps += 1;
    if (trace) happened.add(observation);
    coverage?.add(observation);
    invariants ??= new Invariants(facts, more());
    invariants.check(observation);
  };
  try {
    await new Scenario(seed, folder, log, observe, () => invariants?.heldMs() ?? 0).run();
    return { steps, ...drawn(), ...(trace && { digest: happened.digest() }) };
  } catch (error) {
    const { invariant, message } =
      error instanceof Violation ? error : { invariant: 'nothing throws', message: line(error) };
    // Once more, with all that happened; what does not fail again is told as it is.
    if (!trace) {
      const again = await run(world, { trace: true, invariants: more });
      if (again.failure) return again;
    }
    const kept = name === undefined ? {} : { kept: name };
    return {
      steps,
      ...drawn(),
      failure: { seed, ...kept, step: steps, invariant, what: message, last: happened.last() },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

export const describeFailure = (failure: Failure): string => {
  const { seed, kept, step, invariant, what, last } = failure;
  return [
    `${kept === undefined ? `seed ${seed}` : `kept world ${kept}`}, step ${step}: violates "${invariant}"`,
    `  ${what}`,
    '  what happened before it:',
    ...last.map((one) => `    ${one}`),
    `  to replay: ${replayOf(failure)}`,
  ].join('\n');
};
