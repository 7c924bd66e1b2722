/**
 * Verifies batches of tokens that come as calls, one after the other: the threads that do it are started for the first of
 * them, and end when no more come.
 */
import type { JwtVerifier, VerifyResult } from '../jwt/jwt-verifier.js';
import type { TokenVerifier } from './ledger-service.js';

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
  /** To be handed to the threads, and handed to them. */
  readonly #coming: Waiting[] = [];
  readonly #underWay: Waiting[] = [];
  #running = false;
  #ring = (): void => undefined;

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
      if (this.#running) this.#ring();
      else void this.#run();
    });
  }

  close(): void {
    this.#verifier.close();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#coming.length > 0) {
      try {
        for await (const results of this.#verifier.verifyMany(this.#source())) this.#underWay.shift()?.resolve(results);
      } catch (error) {
        for (const { reject } of this.#underWay.splice(0)) reject(error);
      }
    }
    this.#running = false;
  }

  async *#source(): AsyncGenerator<readonly string[], void, undefined> {
    for (;;) {
      const next = this.#coming.shift() ?? (await this.#next());
      if (!next) return;
      this.#underWay.push(next);
      yield next.tokens;
    }
  }

  async #next(): Promise<Waiting | undefined> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      this.#ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#coming.shift();
  }
}
