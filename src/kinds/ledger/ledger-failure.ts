/** The last failure of a ledger's store, as `status()` shows it in any thread. */
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';

/** A recorded failure of a ledger's store. */
export interface LedgerFailure {
  /** The operation that failed: `open`, `load`, or `look` for changes. */
  readonly during: 'open' | 'load' | 'look';
  /** The error's message. */
  readonly message: string;
  /** The code of the error, if it had one. */
  readonly code?: string;
  /** When: ms since the Unix epoch. */
  readonly atMs: number;
}

/** The actor's status details. */
export interface LedgerDetails {
  readonly lastFailure?: LedgerFailure;
}

/** Turns a recorded failure back into an error. */
export const failureError = (child: string, { message, code }: LedgerFailure): Error =>
  new TokenvisorError((code ?? 'STORE_FAILED') as TokenvisorErrorCode, message, { child });
