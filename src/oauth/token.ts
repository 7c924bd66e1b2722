/**
 * A token as users get it: frozen. It prints as a fingerprint; `value` and `authorization` are getters, so that a spread,
 * `JSON.stringify` or `util.inspect` does not copy them.
 */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { Json } from '../core/json.js';
import type { RecordHeader } from '../memory/record.js';

/** What the actor publishes beside the instants. */
export interface TokenPayload {
  readonly value: string;
  readonly tokenType: string;
  readonly scopes: readonly string[];
  readonly fields: Readonly<Record<string, Json>>;
}

/**
 * An access token, frozen. It prints as a fingerprint: `value`, `authorization` and `fields` are in no `JSON.stringify`,
 * `util.inspect` or spread.
 */
export class Token {
  readonly #value: string;
  readonly #authorization: string;
  /** `Bearer`, or what the server said (RFC 6749 §7.1). */
  readonly tokenType: string;
  /** What was granted, if the server said so; else empty. */
  readonly scopes: readonly string[];
  /** When its request was sent: ms since the Unix epoch. */
  readonly issuedAtMs: number;
  /** When it expires: ms since the Unix epoch; `Infinity` for never. */
  readonly expiresAtMs: number;
  /** Counts the tokens of this credential, from 1, over all restarts of its actor. */
  readonly generation: number;
  readonly #fields: Readonly<Record<string, Json>>;

  constructor(payload: TokenPayload, header: RecordHeader) {
    this.#value = payload.value;
    this.#authorization = `${payload.tokenType} ${payload.value}`;
    this.tokenType = payload.tokenType;
    this.scopes = Object.freeze([...payload.scopes]);
    this.issuedAtMs = header.issuedAtMs;
    this.expiresAtMs = header.expiresAtMs;
    this.generation = header.generation;
    this.#fields = deepFreeze(payload.fields);
    Object.freeze(this);
  }

  /** The token itself. */
  get value(): string {
    return this.#value;
  }

  /** The finished `Authorization` header: `Bearer …`. */
  get authorization(): string {
    return this.#authorization;
  }

  /** What else the provider returned: an instance URL, AWS keys. May be secret, so it does not print either. */
  get fields(): Readonly<Record<string, Json>> {
    return this.#fields;
  }

  /** Eight hex digits that tell this token from another and nothing more. */
  get fingerprint(): string {
    return createHash('sha256').update(this.#value).digest('hex').slice(0, 8);
  }

  /** `Token(fingerprint, generation n)`. */
  toString(): string {
    return `Token(${this.fingerprint}, generation ${this.generation})`;
  }

  /** All but what may be secret: no `value`, `authorization` or `fields`. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { fingerprint, tokenType, scopes, issuedAtMs, expiresAtMs, generation } = this;
    return { fingerprint, tokenType, scopes, issuedAtMs, expiresAtMs, generation };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
};
