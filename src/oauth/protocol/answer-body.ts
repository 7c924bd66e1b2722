/** The body of an answer, parsed once for all that is read of it. */
import { isPlainObject } from '../../core/describe.js';
import { malformedAnswer } from '../../net/http-failures.js';
import type { HttpAnswer } from '../../net/http-types.js';

/** The members of a JSON object, of any types. */
export type Members = Readonly<Record<string, unknown>>;

/** The members of a body, or why it has none, as the end of a sentence about it. */
export type AnswerBody =
  { readonly members: Members; readonly flaw?: never } | { readonly members?: never; readonly flaw: string };

/** Parses a body (RFC 8259). Never throws. The content type does not count: many servers send JSON as `text/html`. */
export const parseBody = (body: string): AnswerBody => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { flaw: 'is not JSON' };
  }
  return isPlainObject(parsed) ? { members: parsed } : { flaw: 'is JSON, but not an object' };
};

/** The members. @throws a transient ProviderError with the reason `malformed_answer` if there are none */
export const membersOf = ({ members, flaw }: AnswerBody, { status }: HttpAnswer, host: string): Members => {
  if (members !== undefined) return members;
  throw malformedAnswer(`The answer of ${host} (status ${status}) ${flaw}`, { status });
};
