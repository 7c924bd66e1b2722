/** Reads a ledger in any thread: shared memory only, no message, no lock. */
import { ActorReader } from '../actor/reader.js';
import type { ChildStatus, Health } from '../../supervision/child-status.js';
import { describeValue } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { openWords } from '../../memory/child-memory.js';
import { Header } from '../../memory/layout.js';
import { isValid, VALID_FOREVER } from '../../memory/valid-until.js';
import { wallClockOf, type AtomicWords } from '../../memory/words.js';
import type { SharedChild, TransferableHandle, TransferableWriter } from '../../messaging/transferable.js';
import type { TableMemory } from '../../table/table-memory.js';
import { TableReader } from '../../table/table-reader.js';
import { readClaims } from '../../jwt/read-claims.js';
import { failureError, type LedgerDetails, type LedgerFailure } from './ledger-failure.js';
import { Domain, isRevokedBy } from './ledger-table.js';
import { isName, MAX_NAME_LENGTH } from './ledger-names.js';
import { LedgerWord } from './ledger-words.js';
import { factsOf } from './token-facts.js';

/** The claims of a token that are compared with a cutoff of its subject. */
export interface CutoffClaims {
  /** The token's subject: the claim `sub`; undefined for a token without one. */
  readonly subject: string | undefined;
  /**
   * When it was issued: the claim `iat`, in ms since the Unix epoch. A value that is not a finite number, or is further
   * ahead than the ledger's `graceMs`, counts as absent.
   * @default none: it counts as issued before every cutoff
   */
  readonly issuedAtMs?: number | undefined;
}

/** The reading options of a ledger, which are part of its handles. */
export interface LedgerView<Cutoffs extends boolean = boolean> {
  /** Tokens can be revoked by subject as well. */
  readonly cutoffs: Cutoffs;
  /** A token that was never stored is not accepted. */
  readonly requireStored: boolean;
  /** How far the issuer's clock may be ahead: ms. A later `iat` counts as absent. */
  readonly graceMs: number;
}

/** The result of a ledger's `handle()`: post it to any thread, and `attach()` it there. */
export interface TransferableLedger<Cutoffs extends boolean = boolean>
  extends TransferableHandle<'revocationLedger'>, LedgerView<Cutoffs> {
  /** The table that readers use: shared, not copied, when it is posted. */
  readonly table: TableMemory;
}

/** The result of a ledger's `writer()`: post it to one other thread, its `port` transferred, and `attach()` it. */
export interface TransferableLedgerWriter<Cutoffs extends boolean = boolean>
  extends TransferableWriter<'revocationLedger'>, LedgerView<Cutoffs> {
  /** The table that readers use: shared, not copied, when it is posted. */
  readonly table: TableMemory;
}

/** The `status()` of a ledger. */
export interface RevocationLedgerStatus extends ChildStatus {
  /** Whether it knows the current revocations: if not, every token counts as revoked. */
  readonly open: boolean;
  /** Until when readers trust it: ms since the Unix epoch; `Infinity` for ever, 0 if it is closed. */
  readonly validUntilMs: number;
  /** How many tokens, and cutoffs of subjects, readers find; including expired ones. */
  readonly size: number;
  /** The most entries. */
  readonly maxEntries: number;
  /** The last failure of its store, unless it has been loaded or polled since. */
  readonly lastFailure?: LedgerFailure;
}

const VALID_UNTIL = Header.OWN + LedgerWord.VALID_UNTIL;

/**
 * A ledger, read from any thread: the result of `attach()`, and the base of its handle. It uses shared memory alone, so
 * it works while the actor is dead or the main thread is blocked. If a token's state is unknown, it counts as revoked.
 */
export class RevocationLedgerReader<Cutoffs extends boolean = false> {
  /** The child's name. */
  readonly name: string;
  /** Tokens can be revoked by subject as well: their claims are needed. */
  readonly cutoffs: Cutoffs;
  readonly #requireStored: boolean;
  readonly #graceMs: number;
  readonly #actor: ActorReader;
  readonly #words: AtomicWords;
  /** The words, for access without a call. */
  readonly #view: Int32Array;
  readonly #memory: TableMemory;
  readonly #table: TableReader;
  readonly #nowMs: () => number;
  readonly #era = (): number => Atomics.load(this.#view, Header.OWN + LedgerWord.ERA);

  /** @internal Use attach(). */
  constructor({ name, memory, table }: SharedChild, view: LedgerView<Cutoffs>) {
    this.name = name;
    this.cutoffs = view.cutoffs;
    this.#requireStored = view.requireStored;
    this.#graceMs = view.graceMs;
    this.#actor = new ActorReader({ name, memory });
    this.#words = openWords(memory);
    this.#view = this.#words.view;
    // Where there is none, the reader refuses it.
    this.#memory = table!;
    this.#table = new TableReader(this.#memory);
    this.#nowMs = wallClockOf(this.#words);
  }

  /**
   * Whether a token that its caller has verified is revoked, by its claims. True for anything but a JWT with a `jti`,
   * which is counted. Synchronous, lock-free, no message.
   *
   * @example
   * if (revoked.isRevoked(jwt)) throw new Error('401');
   */
  isRevoked(token: string): boolean {
    const claims = readClaims(token);
    const facts = claims && factsOf(claims);
    if (!facts) {
      return this.#malformed();
    }
    if (this.#isTokenRevoked(facts.jti)) return true;
    if (!this.cutoffs || facts.subject === undefined) return false;
    return this.#isCutOff(facts.subject, claims.iat === undefined ? undefined : claims.iat * 1_000);
  }

  /**
   * The same by the token's `jti`. With `cutoffs`, its claims are needed as well: without them a revocation of all
   * tokens of its subject can't be detected. True for a `jti` that no ledger can store: empty, or more than 512
   * characters.
   *
   * @throws CONFIG_INVALID without the claims, with `cutoffs`.
   * @example
   * revoked.isJtiRevoked(jti, { subject, issuedAtMs: iat * 1_000 });
   */
  isJtiRevoked(this: RevocationLedgerReader, jti: string, claims?: CutoffClaims): boolean;
  isJtiRevoked(this: RevocationLedgerReader<boolean>, jti: string, claims: CutoffClaims): boolean;
  isJtiRevoked(jti: string, claims?: CutoffClaims): boolean {
    if (!this.cutoffs) return this.#isTokenRevoked(jti);
    const read = readCutoffClaims(claims);
    if (!read) throw this.#needsClaims(claims);
    if (this.#isTokenRevoked(jti)) return true;
    const { subject, issuedAtMs } = read;
    // The tokens of such a subject could not have been revoked.
    if (subject !== undefined && subject.length > MAX_NAME_LENGTH) return this.#malformed();
    return subject !== undefined && this.#isCutOff(subject, issuedAtMs);
  }

  /** How many tokens, and cutoffs of subjects, readers find; including expired ones. Lock-free. */
  size(): number {
    return this.#table.size;
  }

  /** The child's status, from shared memory: it works while the actor is dead or the main thread is blocked. */
  status(): RevocationLedgerStatus {
    const { details, ...status } = this.#actor.status();
    const { lastFailure } = (details ?? {}) as LedgerDetails;
    const second = Atomics.load(this.#view, VALID_UNTIL) >>> 0;
    return {
      ...status,
      open: this.#isOpen(),
      validUntilMs: second === VALID_FOREVER ? Infinity : second * 1_000,
      size: this.#table.size,
      maxEntries: this.#table.maxEntries,
      ...(lastFailure && { lastFailure }),
    };
  }

  /** Plain data to post to another thread, which can read the ledger after `attach()`. */
  handle(): TransferableLedger<Cutoffs> {
    const { name, cutoffs } = this;
    const memory = this.#view.buffer as SharedArrayBuffer;
    const view = { cutoffs, requireStored: this.#requireStored, graceMs: this.#graceMs };
    return { tokenvisor: 1, kind: 'revocationLedger', name, memory, table: this.#memory, ...view };
  }

  /** @internal A closed ledger answers 'revoked' for every token. */
  health(): Health {
    if (!this.#isOpen()) return 'down';
    return this.#actor.health() === 'ok' ? 'ok' : 'degraded';
  }

  /** @internal */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return this.#actor.changeWord();
  }

  /** @internal The last failure of its store, if it has not succeeded since. */
  failure(): Error | undefined {
    const { lastFailure } = this.status();
    return lastFailure && failureError(this.name, lastFailure);
  }

  /** @internal */
  isReady(): boolean {
    return this.#actor.isReady() && this.#isOpen();
  }

  /** A stopped ledger is not trusted: another process may use its store by now. */
  #isOpen(): boolean {
    if (Atomics.load(this.#view, Header.STOPPED) !== 0) return false;
    return isValid(Atomics.load(this.#view, VALID_UNTIL) >>> 0, this.#nowMs());
  }

  /** Until it is expunged, whatever its expiry. */
  #isTokenRevoked(jti: string): boolean {
    if (!this.#isOpen()) {
      Atomics.add(this.#view, Header.OWN + LedgerWord.CLOSED, 1);
      return true;
    }
    // Untyped callers may pass any value.
    if (!isName(jti)) return this.#malformed();
    const table = this.#table;
    const meta = table.find(jti, Domain.TOKEN) ? table.meta : undefined;
    return isRevokedBy(meta, this.#requireStored, this.#era);
  }

  #malformed(): true {
    Atomics.add(this.#view, Header.OWN + LedgerWord.MALFORMED, 1);
    return true;
  }

  /**
   * A token without a usable `iat`, or with a future one, counts as issued before every cutoff: otherwise no cutoff
   * would apply to it.
   */
  #isCutOff(subject: string, issuedAtMs: unknown): boolean {
    const table = this.#table;
    if (!table.find(subject, Domain.SUBJECT)) return false;
    const { meta, expiryS } = table;
    const nowMs = this.#nowMs();
    const isSaid = typeof issuedAtMs === 'number' && Number.isFinite(issuedAtMs) && issuedAtMs <= nowMs + this.#graceMs;
    if (isSaid && Math.floor(issuedAtMs / 1_000) > meta) return false;
    return nowMs < expiryS * 1_000;
  }

  #needsClaims(came: unknown): TokenvisorError {
    return new TokenvisorError(
      'CONFIG_INVALID',
      `Expected the claims of the token, { subject, issuedAtMs }, as '${this.name}' has cutoffs; got ${describeValue(came)}`,
      { child: this.name },
    );
  }
}

/**
 * Untyped callers may pass null, a part of the claims, an object that throws when read, or one that changes between
 * reads.
 */
const readCutoffClaims = (
  claims: CutoffClaims | undefined,
): { readonly subject: string | undefined; readonly issuedAtMs: unknown } | undefined => {
  try {
    if (typeof claims !== 'object' || (claims as object | null) === null || !('subject' in claims)) return undefined;
    const { subject, issuedAtMs }: { subject: unknown; issuedAtMs?: unknown } = claims;
    return subject === undefined || typeof subject === 'string' ? { subject, issuedAtMs } : undefined;
  } catch {
    return undefined;
  }
};
