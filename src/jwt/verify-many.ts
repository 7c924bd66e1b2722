/**
 * Verifies many tokens in threads beside the actor's: a signature takes 30 to 100 us, and would block the actor.
 * Piscina is loaded and its threads are started with the first batch; they end with the last, or by the signal.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import type * as PiscinaModule from 'piscina';
import { abortError, listenForAbort, orAborted } from '../core/abort.js';
import { TokenvisorError } from '../core/errors.js';
import { ownFile, presentFile } from '../core/package-files.js';
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

/** One more batch is in progress than there are threads, so that none of them waits for this thread. */
export const verifyMany = async function* (
  verifier: ManyVerifier,
  batches: Batches,
  { signal, onProgress, threads = Math.min(4, Math.max(1, availableParallelism() - 1)) }: VerifyManyOptions,
): AsyncGenerator<readonly VerifyResult[], void, undefined> {
  const ending = abortedByAny(signal, verifier.closing);
  const refuseAborted = (): void => {
    if (verifier.closing.aborted) throw verifier.closing.reason;
    if (signal?.aborted) throw abortError('verification', signal);
  };
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  const progress = { batches: 0, verified: 0, refused: 0 };
  const underWay: Promise<readonly VerifyResult[]>[] = [];
  let incoming: Promise<IteratorResult<readonly string[], unknown>> | undefined;
  let exhausted = false;
  let pool: Piscina | undefined;
  try {
    for (;;) {
      refuseAborted();
      if (!exhausted && underWay.length <= threads) incoming ??= Promise.resolve(iterator.next());
      const [first] = underWay;
      if (!incoming && !first) return;
      // Whichever is first: a slow source must not delay results, and a silent one must not delay an abort.
      const either = Promise.race([
        ...(first ? [first.then((results) => ({ results }))] : []),
        ...(incoming ? [incoming.then((next) => ({ next }))] : []),
      ]);
      const came = await orAborted(either, ending.signal);
      if (!came) continue;
      if ('results' in came) {
        void underWay.shift();
        const verified = came.results.filter(({ ok }) => ok).length;
        progress.batches += 1;
        progress.verified += verified;
        progress.refused += came.results.length - verified;
        onProgress?.({ ...progress });
        yield came.results;
      } else {
        incoming = undefined;
        exhausted = came.next.done === true;
        if (came.next.done === true) continue;
        pool ??= createPool(threads);
        const running = runBatch(verifier, pool, came.next.value, ending.signal);
        running.catch(() => {}); // Its error is reported in its turn.
        underWay.push(running);
      }
    }
  } catch (error) {
    refuseAborted();
    throw error;
  } finally {
    ending.abort();
    incoming?.catch(() => {});
    // Not awaited: a busy source answers only when it is done.
    if (!exhausted) void Promise.resolve(iterator.return?.()).catch(() => {});
    await pool?.destroy();
  }
};

interface Ending {
  readonly signal: AbortSignal;
  /** Also removes the listeners of the signals. */
  abort(): void;
}

const abortedByAny = (...signals: readonly (AbortSignal | undefined)[]): Ending => {
  const control = new AbortController();
  const stopListening = signals.map((one) => listenForAbort(one, () => control.abort()));
  const abort = (): void => {
    for (const stop of stopListening) stop();
    control.abort();
  };
  return { signal: control.signal, abort };
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
