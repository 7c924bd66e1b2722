/** An assertion that exists already, and is sent as it is. */
import { ProviderError } from '../core/errors.js';

/** A JWT in its compact form: a JWS of three parts (RFC 7515 §7.1), or a JWE of five (RFC 7516 §7.1). */
const JWT = /^[\w-]+(?:\.[\w-]*){2}(?:(?:\.[\w-]*){2})?$/;

/**
 * Returns the text if it has the form of an assertion. Any other text is not sent: it may be a private key, given by mistake in
 * the place of an assertion.
 *
 * @throws a `park` ProviderError with the reason `secret_unreadable`
 */
export const presentedAssertion = (text: string): string => {
  if (JWT.test(text)) return text;
  throw new ProviderError(
    'Expected an assertion (a JWT), got another text, and did not send it. Give a key as { privateKey: file(path) }, an assertion in a file as file(path)',
    { class: 'fatal', reason: 'secret_unreadable' },
  );
};
