/** The provider of a test credential: a list of answers, one for each mint. */
import { listenForAbort } from '../core/abort.js';
import { describeKind, itemsOf, propertyOf } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import type { MintAttempt, MintedToken, ProviderObject } from '../oauth/provider.js';
import { isError } from '../core/realm.js';

/** @inline */
type FixedAnswer = string | MintedToken | Error;

/**
 * The result of one mint of a test credential: a token (a string, or the full object of a provider), an error that the
 * provider throws, or a function that returns or throws one of these, synchronously or not.
 */
export type TestAnswer = FixedAnswer | ((attempt: MintAttempt) => FixedAnswer | Promise<FixedAnswer>);

/** Serves answers in order. */
export class AnswerList {
  readonly #atEnd: 'repeat' | 'wait';
  readonly #answers: TestAnswer[] = [];
  #served = 0;
  /** Mints that wait for an answer: one at a time, but cancelled ones may be among them. */
  readonly #waiting = new Set<() => void>();

  constructor(atEnd: 'repeat' | 'wait') {
    this.#atEnd = atEnd;
  }

  /** How many were not served yet. */
  get left(): number {
    return this.#answers.length - this.#served;
  }

  push(answers: readonly TestAnswer[]): void {
    this.#answers.push(...checkedAnswers(answers));
    for (const look of [...this.#waiting]) look();
  }

  readonly provider: ProviderObject = {
    open: () => ({ mint: (attempt) => this.#mint(attempt) }),
  };

  async #mint(attempt: MintAttempt): Promise<MintedToken> {
    const answer = await untilAborted(attempt.signal, this.#next(attempt.signal));
    const fixed = typeof answer === 'function' ? await untilAborted(attempt.signal, answer(attempt)) : answer;
    if (isError(fixed)) throw fixed;
    return typeof fixed === 'string' ? { value: fixed } : fixed;
  }

  #next(signal: AbortSignal): Promise<TestAnswer> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (signal.aborted) return void this.#waiting.delete(look);
        const answer = this.#take();
        if (answer === undefined) return void this.#waiting.add(look);
        this.#waiting.delete(look);
        resolve(answer);
      };
      look();
    });
  }

  #take(): TestAnswer | undefined {
    if (this.left === 0) return this.#atEnd === 'repeat' ? this.#answers.at(-1) : undefined;
    this.#served += 1;
    return this.#answers[this.#served - 1];
  }
}

/** Stops waiting when the mint is aborted: a late result is ignored, and a timer of it does not hold the mint. */
const untilAborted = <T>(signal: AbortSignal, work: T | Promise<T>): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as unknown);
    if (signal.aborted) return abort();
    const unlisten = listenForAbort(signal, abort);
    void Promise.resolve(work).then(resolve, reject).finally(unlisten);
  });

const EXPECTED = "a token's text, a MintedToken, an Error or a function";

const isAnswer = (answer: unknown): boolean =>
  typeof answer === 'string' ||
  typeof answer === 'function' ||
  (typeof answer === 'object' && (isError(answer) || propertyOf(answer, 'value') !== undefined));

const checkedAnswers = (answers: unknown): readonly TestAnswer[] => {
  const list = itemsOf(answers);
  if (!list) {
    throw new TokenvisorError('CONFIG_INVALID', `Expected the answers in a list, got ${describeKind(answers)}`);
  }
  const wrong = list.findIndex((answer) => !isAnswer(answer));
  if (wrong === -1) return list as readonly TestAnswer[];
  const message = `Expected answer ${wrong + 1} to be ${EXPECTED}, got ${describeKind(list[wrong])}`;
  throw new TokenvisorError('CONFIG_INVALID', message);
};
