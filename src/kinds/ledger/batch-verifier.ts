/**
 * Verifies batches of tokens that come as calls, one after the other: the threads that do it are started for the first of
 * them, and end when no more come.
 */
import type { JwtVerifier } from '../../jwt/jwt-verifier.js';
import type { VerifyResult } from '../../jwt/verify-result.js';
import type { TokenVerifier } from './ledger-service.js';

/** One run of the threads: what they were given and have not answered. */
interface Run {
  readonly underWay: Waiting[];
  isOver: boolean;
}

interface Waiting {
  readonly tokens: readonly string[];
  readonly resolve: (results: readonly VerifyResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** So few are verified here before a thread has started. */
const FEW = 32;
/** Whoever has many sends the next batch before this one has its answer. */
const IDLE_MS = 20;

export class BatchVerifier implements TokenVerifier {
  readonly #verifier: JwtVerifier;
  /** To be handed to the threads. */
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
        // A run that took nothing would take nothing the next time either: it has been closed.
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
      // Of a run that has failed, nobody takes what comes: it is for the next one.
      const next = run.isOver ? undefined : this.#coming.shift();
      if (!next) return;
      run.underWay.push(next);
      yield next.tokens;
    }
  }

  /** Resolves when there is more, or when none has come for a while. */
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
