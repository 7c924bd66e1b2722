/**
 * References to secrets: the location of a secret without its value. They print as the location.
 *
 * A reference is made on the thread that starts the supervisor. `env()` is only a name until that thread resolves it
 * (see reference-tree.ts), because an actor's environment is empty; `file()` is read in the actor, at every use.
 */
import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { describeKind, propertyOf } from '../core/describe.js';
import { pathOf } from '../fs/file-path.js';
import { ProviderError, TokenvisorError } from '../core/errors.js';
import { readRegularFile, whyUnreadable } from '../fs/regular-file.js';

/** The source of a secret. @inline */
export type SecretKind = 'env' | 'file' | 'literal';

/** The largest secret file: many times the size of a private key with its chain. */
export const MAX_SECRET_BYTES = 64 * 1024;

/**
 * The name of the method that returns a reference's value. Shared by all copies of this module in a thread (an actor's
 * bundle has one, a user's module may load another), so that each copy can read the references of the others.
 */
const valueOf = Symbol.for('tokenvisor.secret-value');

/** A secret by reference; made by {@link env}, {@link file} and {@link literal}. */
export class SecretReference {
  /** The source of the secret. */
  readonly kind: SecretKind;
  /** The variable's name or the file's path; empty for a literal. */
  readonly name: string;
  readonly #value: string | undefined;

  /** True for the references of any copy of this module. */
  static [Symbol.hasInstance](value: unknown): value is SecretReference {
    return typeof value === 'object' && typeof propertyOf(value, valueOf) === 'function';
  }

  constructor(kind: SecretKind, name: string, value?: string) {
    this.kind = kind;
    this.name = name;
    this.#value = value;
  }

  /** @internal */
  [valueOf](): string | undefined {
    return this.#value;
  }

  /** The location, without the value. */
  toString(): string {
    return this.kind === 'literal'
      ? 'SecretReference(literal, redacted)'
      : `SecretReference(${this.kind} ${this.name})`;
  }

  /** The same. */
  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/**
 * The value of an environment variable of the process, read by the starting thread at start and at `update()`.
 *
 * @example
 * clientCredentials({ issuer, clientId: 'reports', clientSecret: env('REPORTS_SECRET') });
 */
export const env = (name: string): SecretReference => new SecretReference('env', name);

/**
 * The contents of a file, without trailing line breaks. The actor reads it at every mint and watches it, so that a
 * rotated secret is used without a restart. At most 64 KiB.
 *
 * @example
 * clientCredentials({ issuer, clientId: 'reports', clientSecret: file('/run/secrets/reports') });
 */
export const file = (path: string | URL): SecretReference => new SecretReference('file', pathOf(path));

/**
 * A literal secret, wrapped so that it does not print. A plain string is wrapped in the same way.
 *
 * @example
 * clientCredentials({ issuer, clientId: 'reports', clientSecret: literal('only for a test') });
 */
export const literal = (value: string): SecretReference => new SecretReference('literal', '', value);

/**
 * The secret itself. Blocks while a file is read.
 *
 * @throws MINT_FAILED, a `park` ProviderError with the reason `secret_unreadable`
 */
export const readSecret = (reference: SecretReference | string): string => {
  if (typeof reference === 'string') return reference;
  if (!(reference instanceof SecretReference)) {
    const came = describeKind(reference);
    throw new TokenvisorError(
      'CONFIG_INVALID',
      `Expected a secret to be env(…), file(…), literal(…) or a string, got ${came}`,
    );
  }
  if (reference.kind === 'file') return readSecretFile(reference.name);
  const value = reference[valueOf]();
  if (value === undefined) throw unreadable(`The variable ${reference.name} has not been read by the starting thread`);
  return value;
};

/** The value that travels with a reference: undefined for a file, and for an unresolved variable. */
export const carriedValue = (reference: SecretReference): string | undefined => reference[valueOf]();

const readSecretFile = (path: string): string => {
  let contents: string;
  try {
    contents = textOf(readRegularFile(path, MAX_SECRET_BYTES).bytes);
  } catch (error) {
    throw unreadable(`The secret file ${path} can't be read: ${whyUnreadable(error)}`);
  }
  const secret = contents.replace(/[\r\n]+$/, '');
  if (secret === '') throw unreadable(`The secret file ${path} is empty`);
  return secret;
};

/**
 * Decodes strictly: a replacement character for each invalid byte would make another secret, one that is easier to
 * guess.
 */
const textOf = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text. Encode a binary secret as Base64, or in a textual format');
  return bytes.toString('utf8');
};

const unreadable = (message: string): ProviderError =>
  new ProviderError(message, { class: 'fatal', reason: 'secret_unreadable' });
