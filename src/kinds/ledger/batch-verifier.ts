/**
 * Verifies batches of tokens that arrive as separate calls, in one run of `verifyMany()`: its threads start with the first
 * batch, and end when no more arrive.
 */
import type { JwtVerifier } from '../../jwt/jwt-verifier.js';
import type { VerifyResult } from '../../jwt/verify-result.js';
import type { TokenVerifier } from './ledger-service.js';

/** One run of the threads: the batches in progress. */
interface Run {
  readonly underWay: Waiting[];
  isOver: boolean;
}

interface Waiting {
  readonly tokens: readonly string[];
  readonly resolve: (results: readonly VerifyResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches up to this size are verified inline: starting a thread takes longer. */
const FEW = 32;
/** How long a run waits for the next batch: a caller with many sends it before this one is answered. */
const IDLE_MS = 20;

export class BatchVerifier implements TokenVerifier {
  readonly #verifier: JwtVerifier;
  /** Batches that no run has taken yet. */
  readonly #coming: Waiting[] = [];
  #running = false;
  #notify = (): void => undefined;

  constructor(verifier: JwtVerifier) {
    this.#verifier = verifier;
  }

  verify(token: string): VerifyResult | Promise<VerifyResult> {
    return this.#verifier.verify(token);
  }

  verifyBatch(tokens: readonly string[]): Promise<readonly VerifyResult[]> {
    if (tokens.length <= FEW) return Promise.all(tokens.map(async (token) => this.#verifier.verify(token)));
    return new Promise((resolve, reject) => {
      this.#coming.push({ tokens, resolve, reject });
      if (this.#running) this.#notify();
      else void this.#run();
    });
  }

  close(): void {
    this.#verifier.close();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#coming.length > 0) {
      const run: Run = { underWay: [], isOver: false };
      try {
        for await (const results of this.#verifier.verifyMany(this.#source(run)))
          run.underWay.shift()?.resolve(results);
      } catch (error) {
        // A run that took no batch would take none the next time either: the verifier has been closed.
        const failed = run.underWay.length > 0 ? run.underWay : this.#coming;
        for (const { reject } of failed.splice(0)) reject(error);
      }
      run.isOver = true;
    }
    this.#running = false;
  }

  async *#source(run: Run): AsyncGenerator<readonly string[], void, undefined> {
    for (;;) {
      if (this.#coming.length === 0) await this.#more();
      // A run that has failed takes no more batches: they are left for the next run.
      const next = run.isOver ? undefined : this.#coming.shift();
      if (!next) return;
      run.underWay.push(next);
      yield next.tokens;
    }
  }

  /** Resolves when there is another batch, or after {@link IDLE_MS}. */
  #more(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      this.#notify = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
