/** A bulk operation that came to an end before its time. */
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';

/** What `insertMany`, `destroyMany` and `revokeMany` reject with: `code` says why, and `done` how far they came. */
export class BulkError extends TokenvisorError {
  /** How many of the tokens, in order, are surely done. */
  readonly done: number;

  constructor(code: TokenvisorErrorCode, message: string, options: { done: number; child: string; cause?: unknown }) {
    super(code, message, { child: options.child, ...('cause' in options && { cause: options.cause }) });
    this.done = options.done;
  }
}
