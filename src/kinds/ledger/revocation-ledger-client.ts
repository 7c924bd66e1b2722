/**
 * A ledger with all that goes through its actor: what the starting thread holds, and what a writer is.
 */
import type { ActorRef } from '../../messaging/actor-ref.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { CallOptions } from '../../messaging/call-port.js';
import { checked, optionsOf } from '../../config/check.js';
import {
  factsOfToken,
  jsonOf,
  limitShape,
  name as nameShape,
  purposesShape,
  revokeJtiShape,
  verifiedShape,
} from './ledger-checks.js';
import type { LedgerCall, SubjectRevoked, TokenRecord } from './ledger-messages.js';
import type { PurposeFilter, RevokeAnswer } from './ledger-record.js';
import { RevocationLedgerReader, type LedgerView } from './revocation-ledger-reader.js';
import { revokeMany, type RevokeManyOptions, type RevokeManyProgress } from './revoke-many.js';

/** Options of `revoke()`. */
export interface RevokeOptions extends CallOptions {
  /**
   * The caller has verified its signature. Otherwise the ledger verifies it, by its option `verify`.
   * @default false
   */
  readonly verified?: boolean;
}

/** Options of `revokeJti()`. */
export interface RevokeJtiOptions extends CallOptions {
  /**
   * The token's subject.
   * @default unknown
   */
  readonly subject?: string;
  /**
   * When the token expires: ms since the Unix epoch.
   * @default Infinity: it is remembered for ever
   */
  readonly expiresAtMs?: number;
}

/** Options of `storeToken()`: the data stored with a token. */
export interface StoreTokenOptions extends CallOptions {
  /** The purpose of the token: `user`, `password_reset`. */
  readonly purpose: string;
  /**
   * Any JSON value, at most 64 KiB.
   * @default none
   */
  readonly extraData?: unknown;
}

/** Options of `storeConfirmationChanges()`. */
export interface StoreChangesOptions extends CallOptions {
  /** The purpose of the token: `confirm`. */
  readonly purpose: string;
  /** The changes that the token confirms: any JSON value, at most 64 KiB. */
  readonly changes: unknown;
}

/** The token that `getToken()` looks up. */
export type TokenToGet = ({ readonly jti: string } | { readonly token: string }) & {
  /** Only if it was stored for this purpose. */
  readonly purpose?: string;
};

/** Options of `revokeAllForSubject()`. Without any purposes, all tokens of the subject are revoked. */
export interface RevokeAllOptions extends CallOptions {
  /** Only tokens that were stored for one of these. */
  readonly includePurposes?: readonly string[];
  /** No tokens that were stored for one of these. */
  readonly excludePurposes?: readonly string[];
}

/** Options of `readExpired()`. */
export interface ReadExpiredOptions extends CallOptions {
  /**
   * How many records at most: 1 to 100,000.
   * @default 1_000
   */
  readonly limit?: number;
}

/** @inline */
type Answer = Exclude<RevokeAnswer, 'skipped'>;

/** The timeout of operations on many records: ms. */
const LONG_MS = 600_000;

/** A ledger, to be read and written: what its handle is, and what `attach()` makes of a `writer()`. */
export class RevocationLedgerClient<Cutoffs extends boolean = false> extends RevocationLedgerReader<Cutoffs> {
  readonly #ref: ActorRef;

  /** @internal */
  constructor(ref: ActorRef, view: LedgerView<Cutoffs>) {
    super(ref, view);
    this.#ref = ref;
  }

  /**
   * Revokes a token, by its `jti`: resolves when that is durable and every reader sees it. Its signature is verified
   * first, whatever its `exp`, unless the caller has done so. Only one of all callers, in any process, gets `revoked`.
   *
   * @throws TOKEN_REFUSED, KEYS_UNAVAILABLE, STORE_UNAVAILABLE (it may have been carried out; a repeated call detects
   *   it), TABLE_FULL, and the errors of `call()`: ACTOR_DOWN, NO_PROC, CALL_TIMEOUT, MAILBOX_FULL, ABORTED,
   *   CONFIG_INVALID.
   * @example
   * await revoked.revoke(jwt); // 'revoked' or 'already_revoked'
   */
  async revoke(token: string, options: RevokeOptions = {}): Promise<Answer> {
    const { verified, ...call } = optionsOf(options, 'options', this.name);
    const given = checked(verifiedShape, { verified }, 'options', this.name);
    if (!given.verified) return this.#call({ kind: 'revoke', token }, call);
    return this.#call({ kind: 'revoke', facts: factsOfToken(token, this.name) }, call);
  }

  /**
   * Revokes a token by its `jti` alone. Without an expiry it is remembered for ever.
   *
   * @throws STORE_UNAVAILABLE (it may have been carried out; a repeated call detects it), TABLE_FULL, and the errors of
   *   `call()`: see {@link revoke}.
   * @example
   * await revoked.revokeJti(jti, { subject, expiresAtMs: exp * 1_000 });
   */
  async revokeJti(jti: string, options: RevokeJtiOptions = {}): Promise<Answer> {
    const { subject, expiresAtMs, ...call } = optionsOf(options, 'options', this.name);
    checked(nameShape(), jti, 'jti', this.name);
    const facts = { jti, ...checked(revokeJtiShape, { subject, expiresAtMs }, 'options', this.name) };
    return this.#call({ kind: 'revoke', facts }, call);
  }

  /**
   * Revokes many tokens, in batches, from any iterable, synchronous or not. Their signatures are verified in threads
   * beside the actor's, unless the caller has done so; refused tokens are counted, and do not stop it. After a
   * rejection, the tokens revoked by then stay revoked, and the call may be repeated.
   *
   * @throws KEYS_UNAVAILABLE, STORE_UNAVAILABLE, TABLE_FULL, and the errors of `call()`, as a `BulkError` with the
   *   number of those `done`. CONFIG_INVALID for invalid options.
   * @example
   * const { alreadyRevoked, refused } = await revoked.revokeMany(jwts, { onProgress: console.log });
   */
  async revokeMany(
    tokens: Iterable<string> | AsyncIterable<string>,
    options: RevokeManyOptions = {},
  ): Promise<RevokeManyProgress> {
    return revokeMany(tokens, options, this.name, (call, callOptions) => this.#call(call, callOptions));
  }

  /**
   * Revokes every token that is stored for a subject, or those of some purposes. With `cutoffs`, and without purposes,
   * also every token of the subject that was issued up to now, stored or not, in whole seconds. If it rejects, some of
   * them may be revoked already; it may be repeated.
   *
   * @throws STORE_UNAVAILABLE, TABLE_FULL, and as {@link revokeJti}.
   * @example
   * await revoked.revokeAllForSubject('user-42');
   */
  async revokeAllForSubject(subject: string, options: RevokeAllOptions = {}): Promise<SubjectRevoked> {
    const { includePurposes, excludePurposes, ...call } = optionsOf(options, 'options', this.name);
    checked(nameShape(), subject, 'subject', this.name);
    const filter: PurposeFilter = checked(purposesShape, { includePurposes, excludePurposes }, 'options', this.name);
    return this.#call({ kind: 'revoke_subject', subject, filter }, { timeoutMs: LONG_MS, ...call });
  }

  /**
   * Stores a record about a token that its caller has issued or verified: never the token. An existing record gets the
   * new purpose and data; a revoked one stays revoked.
   *
   * @throws TOKEN_REFUSED for a token without usable claims, and as {@link revokeJti}.
   * @example
   * await revoked.storeToken(jwt, { purpose: 'user', extraData: { device: 'phone' } });
   */
  async storeToken(token: string, options: StoreTokenOptions): Promise<TokenRecord> {
    const { purpose, extraData, ...call } = optionsOf(options, 'options', this.name);
    checked(nameShape(), purpose, 'purpose', this.name);
    const facts = factsOfToken(token, this.name);
    const data = jsonOf(extraData, 'extraData', this.name);
    return this.#call({ kind: 'store', facts, purpose, extraData: data }, call);
  }

  /**
   * The record of a token, if it was stored or revoked and has not expired. A revoked one has `revokedAtMs`.
   *
   * @throws TOKEN_REFUSED for a token without usable claims, and as {@link revokeJti}.
   * @example
   * const record = await revoked.getToken({ jti, purpose: 'user' });
   */
  async getToken(which: TokenToGet, options: CallOptions = {}): Promise<TokenRecord | undefined> {
    const { purpose, ...named } = optionsOf(which, 'which', this.name);
    const jti = 'token' in named ? factsOfToken(named.token, this.name).jti : named.jti;
    checked(nameShape(), jti, 'jti', this.name);
    if (purpose !== undefined) checked(nameShape(), purpose, 'purpose', this.name);
    return this.#call({ kind: 'get', jti, purpose }, options);
  }

  /**
   * Stores changes that a token will confirm (a new mail address, for example).
   *
   * @throws TOKEN_REFUSED for a token without usable claims, and as {@link revokeJti}.
   */
  async storeConfirmationChanges(token: string, options: StoreChangesOptions): Promise<TokenRecord> {
    const { purpose, changes, ...call } = optionsOf(options, 'options', this.name);
    checked(nameShape(), purpose, 'purpose', this.name);
    const facts = factsOfToken(token, this.name);
    const data = jsonOf(changes, 'changes', this.name);
    return this.#call({ kind: 'store_changes', facts, purpose, changes: data }, call);
  }

  /**
   * The changes that this token confirms; undefined if there are none, or if it has expired or is revoked.
   *
   * @throws STORE_UNAVAILABLE, and the errors of `call()`: see {@link revoke}.
   */
  async getConfirmationChanges<Changes = unknown>(
    jti: string,
    options: CallOptions = {},
  ): Promise<Changes | undefined> {
    checked(nameShape(), jti, 'jti', this.name);
    return this.#call({ kind: 'get_changes', jti }, options);
  }

  /**
   * Records that may be expunged, the earliest first: their tokens and the grace after them have expired, by the clock
   * that {@link expungeExpired} uses.
   *
   * @throws STORE_UNAVAILABLE, and the errors of `call()`: see {@link revoke}.
   */
  async readExpired(options: ReadExpiredOptions = {}): Promise<readonly TokenRecord[]> {
    const { limit, ...call } = optionsOf(options, 'options', this.name);
    const given = checked(limitShape, { limit }, 'options', this.name);
    return this.#call({ kind: 'read_expired', limit: given.limit }, call);
  }

  /**
   * Removes records that may be expunged, as the expunger does every `expungeIntervalMs`. Returns how many. Readers are
   * not delayed. A forward step of the wall clock in the last two days does not count: it may be wrong.
   *
   * @throws STORE_UNAVAILABLE, and the errors of `call()`: see {@link revoke}. Records removed by then stay removed.
   */
  async expungeExpired(options: CallOptions = {}): Promise<number> {
    return this.#call({ kind: 'expunge' }, { timeoutMs: LONG_MS, ...optionsOf(options, 'options', this.name) });
  }

  #call<T>(call: LedgerCall, options: CallOptions): Promise<T> {
    return this.#ref.call(call, options) as Promise<T>;
  }
}

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class RevocationLedgerWriter<Cutoffs extends boolean = false> extends RevocationLedgerClient<Cutoffs> {
  readonly #remote: RemoteRef;

  /** @internal Use attach(). */
  constructor(ref: RemoteRef, view: LedgerView<Cutoffs>) {
    super(ref, view);
    this.#remote = ref;
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, reads go on. */
  close(): void {
    this.#remote.close();
  }
}
