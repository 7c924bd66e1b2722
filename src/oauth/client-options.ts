/** The client's options, which every grant takes, and their checks. */
import { joinPath, object, oneOf, optional, string, type Check, type Report } from '../config/check.js';
import { describeKind, isPlainObject } from '../core/describe.js';
import { isSecret, secret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { signingKeyShape, type SigningKey } from './signing-key.js';

const METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const;

/**
 * How the client proves its identity, by the names of the IANA registry: by its secret (RFC 6749 §2.3.1), by an assertion
 * (RFC 7523 §2.2), by its certificate (RFC 8705 §2), or not at all.
 */
export type ClientAuthentication = (typeof METHODS)[number];

/** A key that signs an assertion for each attempt (RFC 7523 §3). */
export interface ClientAssertion extends SigningKey {
  /**
   * The `aud` claim.
   * @default the issuer, or the token endpoint where no issuer is given
   */
  readonly audience?: string;
}

/** The client, and how it proves its identity. At most one of `clientSecret` and `clientAssertion`. */
export interface ClientOptions {
  /** The client (RFC 6749 §2.2). */
  readonly clientId: string;
  /** A secret reference, or a string, which is wrapped by `literal()`. None for a public client. */
  readonly clientSecret?: SecretReference | string;
  /**
   * `private_key_jwt` (RFC 7523): a key, by which an assertion is signed afresh for each attempt. Or a secret that is
   * an assertion (a JWT) already: the file of a workload's identity, which its platform replaces.
   */
  readonly clientAssertion?: ClientAssertion | SecretReference | string;
  /**
   * How it proves its identity.
   * @default by what is given: an assertion, a secret (in the way that the metadata names, `client_secret_basic`
   * first), the certificate in `tls`, or `none`
   */
  readonly clientAuthentication?: ClientAuthentication;
}

const assertionKey = object({ ...signingKeyShape, audience: optional(string()) });

/** A key to sign with, or an assertion that exists already. */
const clientAssertion: Check<ClientAssertion | SecretReference | string> = (value, path, report) => {
  if (isSecret(value)) return value;
  if (isPlainObject(value)) return assertionKey(value, path, report);
  report(path, 'an object with a `privateKey`, or a secret that is an assertion', describeKind(value));
  return '';
};

/** The checks of a client, as a part of a shape. */
export const clientShape = {
  clientId: string(),
  clientSecret: optional(secret()),
  clientAssertion: optional(clientAssertion),
  clientAuthentication: optional(oneOf(...METHODS)),
};

type Given = Readonly<Record<string, unknown>>;

const hasCertificate = ({ tls }: Given): boolean => isPlainObject(tls) && tls['cert'] !== undefined;

/** What each method needs, and its name in a message. */
const NEEDS: Readonly<Record<ClientAuthentication, readonly [has: (given: Given) => boolean, what: string]>> = {
  client_secret_basic: [({ clientSecret }) => clientSecret !== undefined, '`clientSecret`'],
  client_secret_post: [({ clientSecret }) => clientSecret !== undefined, '`clientSecret`'],
  private_key_jwt: [({ clientAssertion }) => clientAssertion !== undefined, '`clientAssertion`'],
  tls_client_auth: [hasCertificate, '`tls` with `cert` and `key`'],
  self_signed_tls_client_auth: [hasCertificate, '`tls` with `cert` and `key`'],
  none: [() => true, 'nothing'],
};

/** Checks that concern several options. `mustProve`: a client that proves nothing is a problem. */
export const checkClient = (given: Given, path: string, report: Report, mustProve = false): void => {
  const at = (key: string): string => joinPath(path, key);
  const { clientSecret, clientAssertion: assertion, clientAuthentication: method } = given;
  // Most often a variable that is not set: a client must not become public by accident.
  const unset = ['clientSecret', 'clientAssertion'].filter((key) => key in given && given[key] === undefined);
  for (const key of unset) report(at(key), 'a secret (or not there at all, for a client without one)', 'nothing');
  if (clientSecret !== undefined && assertion !== undefined) {
    report(path, 'an object with `clientSecret` or `clientAssertion`', 'both');
  }
  const isMeant = clientSecret !== undefined || assertion !== undefined || method !== undefined;
  if (given['clientId'] === undefined && isMeant) {
    report(at('clientId'), "given beside what proves the client's identity", 'nothing');
  }
  const proves = clientSecret !== undefined || assertion !== undefined || hasCertificate(given);
  if (mustProve && method === 'none') {
    const expected = "absent, or not 'none': this grant needs a client that proves its identity";
    report(at('clientAuthentication'), expected, "'none'");
  } else if (mustProve && unset.length === 0 && !proves) {
    report(
      at('clientSecret'),
      'a secret: env(), file() or a non-empty string (or `clientAssertion`, or `tls` with a certificate)',
      'nothing',
    );
  }
  if (typeof method !== 'string' || !Object.hasOwn(NEEDS, method)) return;
  const [has, needed] = NEEDS[method as ClientAuthentication];
  if (!has(given)) return report(at('clientAuthentication'), `used with ${needed}`, `'${method}' without it`);
  // An option that is ignored would be taken for one that is used.
  const unused = [
    ...(clientSecret !== undefined && !method.startsWith('client_secret') ? ['clientSecret'] : []),
    ...(assertion !== undefined && method !== 'private_key_jwt' ? ['clientAssertion'] : []),
  ];
  for (const key of unused) report(at(key), `absent beside clientAuthentication '${method}'`, 'given');
};
