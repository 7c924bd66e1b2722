/**
 * Verifies many tokens in threads beside the actor's: a signature takes 30 to 100 us, and the actor has other things to
 * do. Piscina is loaded and its threads are started for the first batch; they end with the last, or by the signal.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import type * as PiscinaModule from 'piscina';
import { orAborted } from '../core/abort.js';
import { asTheyAre } from '../core/batcher.js';
import { TokenvisorError } from '../core/errors.js';
import { ownFile, presentFile } from '../core/package-files.js';
import { pipeline } from '../core/pipeline.js';
import type { Outcome, TokenRules } from './key-set.js';
import type { Keys } from './key-source.js';
import type { VerifyResult } from './verify-result.js';
import type { VerifyJob } from './verify-thread.js';

export interface VerifyManyProgress {
  readonly batches: number;
  readonly verified: number;
  readonly refused: number;
}

export interface VerifyManyOptions {
  readonly signal?: AbortSignal;
  /** Called after each batch, with the totals so far. */
  readonly onProgress?: (progress: VerifyManyProgress) => void;
  /**
   * The most threads.
   * @default one less than the machine can run at once, from 1 to 4
   */
  readonly threads?: number;
}

/** The verifier's interface for batches. */
export interface ManyVerifier {
  readonly rules: TokenRules;
  readonly keys: () => Promise<Keys>;
  readonly resultOf: (outcome: Outcome) => VerifyResult;
  /** For a token whose key is not among those that the threads have. */
  readonly verify: (token: string) => VerifyResult | Promise<VerifyResult>;
  readonly closing: AbortSignal;
}

type Batches = Iterable<readonly string[]> | AsyncIterable<readonly string[]>;

/** An idle thread ends after this time: ms. Batches may arrive slowly. */
const IDLE_TIMEOUT_MS = 5_000;

/** One batch is taken more than there are threads, so that no thread waits for the next one. */
export const verifyMany = async function* (
  verifier: ManyVerifier,
  batches: Batches,
  { signal, onProgress, threads = Math.min(4, Math.max(1, availableParallelism() - 1)) }: VerifyManyOptions,
): AsyncGenerator<readonly VerifyResult[], void, undefined> {
  const progress = { batches: 0, verified: 0, refused: 0 };
  const ended = new AbortController();
  let pool: Piscina | undefined;
  const work = async (tokens: readonly string[]): Promise<readonly VerifyResult[]> => {
    pool ??= createPool(threads);
    // After the end its results are not used, and a fetch of keys may take long: so it is not waited for.
    return (await orAborted(runBatch(verifier, pool, tokens, ended.signal), ended.signal)) ?? [];
  };
  const batcher = asTheyAre<readonly string[]>();
  const signals = [verifier.closing, signal];
  const onEnd = (): void => ended.abort();
  const run = { source: batches, batcher, work, inFlight: threads + 1, signals, what: 'verification', onEnd };
  try {
    for await (const results of pipeline(run)) {
      const verified = results.filter(({ ok }) => ok).length;
      progress.batches += 1;
      progress.verified += verified;
      progress.refused += results.length - verified;
      onProgress?.({ ...progress });
      yield results;
    }
  } catch (error) {
    if (verifier.closing.aborted) throw verifier.closing.reason;
    throw error;
  } finally {
    await pool?.destroy();
  }
};

const createPool = (threads: number): Piscina => {
  const { Piscina: Pool } = createRequire(import.meta.url)('piscina') as typeof PiscinaModule;
  const pool = new Pool({
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_TIMEOUT_MS,
    atomics: 'disabled',
    recordTiming: false,
    env: {},
    argv: [],
    execArgv: [],
  });
  pool.on('error', () => {}); // The job in question rejects.
  return pool;
};

const runBatch = async (
  { rules, keys, resultOf, verify }: ManyVerifier,
  pool: Piscina,
  tokens: readonly string[],
  signal: AbortSignal,
): Promise<readonly VerifyResult[]> => {
  const job: VerifyJob = { rules, keys: await keys(), tokens };
  let outcomes: readonly Outcome[];
  try {
    const filename = presentFile(ownFile('runtime/verify-entry.cjs'));
    outcomes = (await pool.run(job, { filename, signal })) as readonly Outcome[];
  } catch (error) {
    if ((error as Partial<TokenvisorError>).code === 'FILE_MISSING') throw error;
    throw new TokenvisorError('INTERNAL', 'A thread that verifies tokens has failed', { cause: error });
  }
  const results: VerifyResult[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    const isUnknown = 'refused' in outcome && outcome.refused === 'unknown_key';
    // The set may have a new key: fetched once for all of them, and no more often than for single tokens.
    results.push(isUnknown ? await verify(tokens[index]!) : resultOf(outcome));
  }
  return results;
};
