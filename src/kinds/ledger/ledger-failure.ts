/**
 * How a ledger's store failed last, as `status()` shows it in any thread.
 */
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';

/** A failure of a ledger's store, as it is kept. */
export interface LedgerFailure {
  /** What was being done: `open`, `load`, or `look` for what is new. */
  readonly during: 'open' | 'load' | 'look';
  /** What went wrong. */
  readonly message: string;
  /** The code of the error, if it had one. */
  readonly code?: string;
  /** When: ms since the Unix epoch. */
  readonly atMs: number;
}

/** What the actor shows of itself. */
export interface LedgerDetails {
  readonly lastFailure?: LedgerFailure;
}

/** As the error that it was. */
export const failureError = (child: string, { message, code }: LedgerFailure): Error =>
  new TokenvisorError((code ?? 'STORE_FAILED') as TokenvisorErrorCode, message, { child });
