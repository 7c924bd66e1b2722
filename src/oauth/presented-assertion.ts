/** An assertion that is there already, and is presented as it is. */
import { ProviderError } from '../core/errors.js';

/** A JWT in its compact form: a JWS of three parts (RFC 7515 §7.1), or a JWE of five (RFC 7516 §7.1). */
const JWT = /^[\w-]+(?:\.[\w-]*){2}(?:(?:\.[\w-]*){2})?$/;

/**
 * The text, if it is an assertion. Anything else is not sent: it may be a private key, given in the place of what the
 * key should sign.
 *
 * @throws a `park` ProviderError with the reason `secret_unreadable`
 */
export const presentedAssertion = (text: string): string => {
  if (JWT.test(text)) return text;
  throw new ProviderError(
    'Expected an assertion, which is a JWT, got a text that is none, and did not send it. Give a key as { privateKey: file(path) }, an assertion in a file as file(path)',
    { class: 'park', reason: 'secret_unreadable' },
  );
};
