/**
 * A reference to another credential's token, by the name of its child. The starting thread adds that credential's
 * shared memory; the actor reads the token from it, as any thread does.
 */
import { inspect } from 'node:util';
import { propertyOf } from '../core/describe.js';

/** The name of the method that returns a reference's memory; shared by all copies of this module, as for secrets. */
const memoryOf = Symbol.for('tokenvisor.token-memory');

/** A reference to a credential's token; made by {@link tokenOf}. */
export class TokenReference {
  /** The name of the credential. */
  readonly name: string;
  readonly #memory: SharedArrayBuffer | undefined;

  /** True for the references of any copy of this module. */
  static [Symbol.hasInstance](value: unknown): value is TokenReference {
    return typeof value === 'object' && typeof propertyOf(value, memoryOf) === 'function';
  }

  constructor(name: string, memory?: SharedArrayBuffer) {
    this.name = name;
    this.#memory = memory;
  }

  /** @internal */
  [memoryOf](): SharedArrayBuffer | undefined {
    return this.#memory;
  }

  /** The credential's name, without the token. */
  toString(): string {
    return `TokenReference(${this.name})`;
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
 * The token of another credential of the same supervisor, by its name: for `tokenExchange()`, and for `token()` in a
 * custom provider. The credential that uses it waits for the other one, and mints again when the other's token is
 * replaced.
 *
 * @example
 * tokenExchange({ issuer, clientId: 'orders', clientSecret, subjectToken: tokenOf('user') });
 */
export const tokenOf = (name: string): TokenReference => new TokenReference(name);

/** The memory that travels with a reference: undefined until the starting thread has resolved it. */
export const referencedMemory = (reference: TokenReference): SharedArrayBuffer | undefined => reference[memoryOf]();
