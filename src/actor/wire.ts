/**
 * What crosses between threads, and the one form in which an error does.
 */
import { ProviderError, TokenvisorError, type TokenvisorErrorCode } from '../errors.js';

/** An error as it crosses: name, message, code and cause; no stack, no own properties that nobody vouched for. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly child?: string;
  readonly cause?: WireError;
  readonly problems?: TokenvisorError['problems'];
}

const MAX_MESSAGE = 1_000;
const MAX_CAUSES = 4;

const text = (value: unknown): string => {
  try {
    return String(value).slice(0, MAX_MESSAGE);
  } catch {
    return 'a value that has no text';
  }
};

/** Any thrown value, as it crosses. Never throws. */
export const toWireError = (thrown: unknown, depth = 0): WireError => {
  if (!(thrown instanceof Error)) return { name: 'Error', message: `a thrown value that is no Error: ${text(thrown)}` };
  const { code } = thrown as { code?: unknown };
  return {
    name: text(thrown.name),
    message: text(thrown.message),
    ...(typeof code === 'string' && { code: text(code) }),
    ...(thrown instanceof TokenvisorError && thrown.child !== undefined && { child: thrown.child }),
    ...(thrown instanceof TokenvisorError && thrown.problems && { problems: thrown.problems }),
    ...(thrown.cause !== undefined && depth < MAX_CAUSES && { cause: toWireError(thrown.cause, depth + 1) }),
  };
};

/** An error that has crossed, as an Error again. `fallback` is the code of one that was no {@link TokenvisorError}. */
export const fromWireError = (wire: WireError, fallback: TokenvisorErrorCode = 'CALL_FAILED'): TokenvisorError => {
  const ours = wire.name === 'TokenvisorError' || wire.name === 'ProviderError';
  const cause = wire.cause && fromWireError(wire.cause, fallback);
  const options = {
    ...(cause && { cause }),
    ...(wire.child !== undefined && { child: wire.child }),
    ...(wire.problems && { problems: wire.problems }),
  };
  if (wire.name === 'ProviderError') return new ProviderError(wire.message, options);
  const code = ours && wire.code ? (wire.code as TokenvisorErrorCode) : fallback;
  const error = new TokenvisorError(code, wire.message, options);
  if (!ours) error.name = wire.name;
  return error;
};
