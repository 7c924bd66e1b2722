/** The error of a bulk operation that ended early. */
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';

/** What `insertMany`, `destroyMany` and `revokeMany` reject with: `code` says why, and `done` how many tokens were done. */
export class BulkError extends TokenvisorError {
  /** How many of the tokens, in order, are certainly done. */
  readonly done: number;

  constructor(code: TokenvisorErrorCode, message: string, options: { done: number; child: string; cause?: unknown }) {
    super(code, message, { child: options.child, ...('cause' in options && { cause: options.cause }) });
    this.done = options.done;
  }
}

/** The rejection of a bulk that `error` has ended: a {@link BulkError}, unless a callback or the source threw something else. */
export const bulkError = (error: unknown, done: number, child: string): unknown => {
  if (!(error instanceof TokenvisorError)) return error;
  const text = `${error.message}. ${done} of the tokens were done before`;
  return new BulkError(error.code, text, { done, child, cause: error });
};
