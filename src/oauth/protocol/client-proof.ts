/** What a client adds to a token request to prove its identity. Pure. */
import { ProviderError } from '../../core/errors.js';

/** Headers and form parameters of the proof. */
export interface ClientProof {
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** No client at all: some grants need none (RFC 7521 §4.1, RFC 8693 §2.1). */
export const noClient: ClientProof = { headers: {}, parameters: {} };

/** The client's name alone: a public client (RFC 6749 §3.2.1), or one that shows its certificate (RFC 8705 §2). */
export const clientName = (clientId: string): ClientProof => ({ headers: {}, parameters: { client_id: clientId } });

/** The secret in the `Authorization` header: `client_secret_basic` (RFC 6749 §2.3.1). */
export const secretInHeader = (clientId: string, secret: string): ClientProof => {
  const credentials = `${basicEncoded(clientId)}:${basicEncoded(notEmpty(secret))}`;
  return { headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }, parameters: {} };
};

/** The secret in the form: `client_secret_post` (RFC 6749 §2.3.1). */
export const secretInForm = (clientId: string, secret: string): ClientProof => ({
  headers: {},
  parameters: { client_id: clientId, client_secret: notEmpty(secret) },
});

/** A signed assertion: `private_key_jwt` (RFC 7521 §4.2, RFC 7523 §2.2). */
export const assertionInForm = (clientId: string, assertion: string): ClientProof => ({
  headers: {},
  parameters: {
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  },
});

/**
 * `application/x-www-form-urlencoded`, as RFC 6749 §2.3.1 and appendix B require. The unreserved characters of RFC 3986 §2.3,
 * `-._~` among them, stay as they are: a server that decodes reads the same, and so does one that compares verbatim.
 */
const basicEncoded = (text: string): string =>
  new URLSearchParams([['', text]]).toString().slice(1).replaceAll('%7E', '~').replaceAll('*', '%2A');

/** An empty secret proves nothing, and is most often a mistake. */
const notEmpty = (secret: string): string => {
  if (secret !== '') return secret;
  throw new ProviderError('Expected a client secret, got an empty string, and did not send it', {
    class: 'fatal',
    reason: 'secret_unreadable',
  });
};
