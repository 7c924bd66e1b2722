/** The error of a bulk operation that ended early. */
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';

/** The rejection of `insertMany`, `destroyMany` and `revokeMany`: `code` has the reason, and `done` the progress. */
export class BulkError extends TokenvisorError {
  /** How many of the tokens, in order, are certainly done. */
  readonly done: number;

  constructor(code: TokenvisorErrorCode, message: string, options: { done: number; child: string; cause?: unknown }) {
    super(code, message, { child: options.child, ...('cause' in options && { cause: options.cause }) });
    this.done = options.done;
  }
}
