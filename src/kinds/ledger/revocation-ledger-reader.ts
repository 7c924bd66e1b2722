/**
 * A ledger as any thread asks it: shared memory only, no message, no lock.
 */
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

/** What a token says of itself that a cutoff of its subject is compared with. */
export interface CutoffClaims {
  /** Whose it is: the claim `sub`; undefined for a token that has none. */
  readonly subject: string | undefined;
  /**
   * When it was issued: the claim `iat`, in ms since the Unix epoch. What is no finite number, and an instant that is further ahead than
   * the ledger's `graceMs`, count as absent.
   * @default none: it counts as issued before every cutoff
   */
  readonly issuedAtMs?: number | undefined;
}

/** How readers of a ledger look at it: a part of its options, which goes with its handles. */
export interface LedgerView<Cutoffs extends boolean = boolean> {
  /** Tokens are revoked by subject as well. */
  readonly cutoffs: Cutoffs;
  /** A token that was never stored is not accepted. */
  readonly requireStored: boolean;
  /** How far the issuer's clock may be ahead: ms. A later `iat` counts as absent. */
  readonly graceMs: number;
}

/** What `handle()` of a ledger returns: post it to any thread, and `attach()` it there. */
export interface TransferableLedger<Cutoffs extends boolean = boolean>
  extends TransferableHandle<'revocationLedger'>, LedgerView<Cutoffs> {
  /** What readers look at: shared, not copied, when it is posted. */
  readonly table: TableMemory;
}

/** What `writer()` of a ledger resolves with: post it to one other thread, its `port` transferred, and `attach()` it. */
export interface TransferableLedgerWriter<Cutoffs extends boolean = boolean>
  extends TransferableWriter<'revocationLedger'>, LedgerView<Cutoffs> {
  /** What readers look at: shared, not copied, when it is posted. */
  readonly table: TableMemory;
}

/** What `status()` of a ledger shows. */
export interface RevocationLedgerStatus extends ChildStatus {
  /** Whether it knows what is revoked: if not, every token is answered to be. */
  readonly open: boolean;
  /** Until when readers believe it: ms since the Unix epoch; `Infinity` for ever, 0 if it is closed. */
  readonly validUntilMs: number;
  /** How many tokens, and cutoffs of subjects, readers find; expired ones included. */
  readonly size: number;
  /** The most that there may be. */
  readonly maxEntries: number;
  /** How its store failed last, unless it has been loaded or looked at since. */
  readonly lastFailure?: LedgerFailure;
}

const VALID_UNTIL = Header.OWN + LedgerWord.VALID_UNTIL;

/**
 * A ledger, read from any thread: what `attach()` returns, and what its handle is too. It works on shared memory alone:
 * while the actor is dead, and while the main thread is blocked. Whatever can't be known is answered as revoked.
 */
export class RevocationLedgerReader<Cutoffs extends boolean = false> {
  /** The child's name. */
  readonly name: string;
  /** Tokens are revoked by subject as well: their claims are needed. */
  readonly cutoffs: Cutoffs;
  readonly #requireStored: boolean;
  readonly #graceMs: number;
  readonly #actor: ActorReader;
  readonly #words: AtomicWords;
  /** The words, without a call between them and the reader. */
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
   * Whether a token that its caller has verified is revoked, by its claims. True for what is no JWT with a `jti`, which is
   * counted. Synchronous, lock-free, no message.
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
   * The same for a token by the name of it, its `jti`. With `cutoffs`, its claims are needed as well: without them a
   * revocation of all tokens of its subject can't be seen. True for names that no ledger could keep: an empty `jti`, or more
   * than 512 characters.
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
    // Nobody could have revoked its tokens.
    if (subject !== undefined && subject.length > MAX_NAME_LENGTH) return this.#malformed();
    return subject !== undefined && this.#isCutOff(subject, issuedAtMs);
  }

  /** How many tokens, and cutoffs of subjects, readers find; expired ones included. Lock-free. */
  size(): number {
    return this.#table.size;
  }

  /** How the child does, from shared memory: it works while the actor is dead or the main thread is blocked. */
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

  /** Plain data to post to another thread, for `attach()` there: it can read there. */
  handle(): TransferableLedger<Cutoffs> {
    const { name, cutoffs } = this;
    const memory = this.#view.buffer as SharedArrayBuffer;
    const view = { cutoffs, requireStored: this.#requireStored, graceMs: this.#graceMs };
    return { tokenvisor: 1, kind: 'revocationLedger', name, memory, table: this.#memory, ...view };
  }

  /** @internal A ledger that is closed answers every token with 'revoked'. */
  health(): Health {
    if (!this.#isOpen()) return 'down';
    return this.#actor.health() === 'ok' ? 'ok' : 'degraded';
  }

  /** @internal */
  changeWord(): { readonly words: AtomicWords; readonly index: number } {
    return this.#actor.changeWord();
  }

  /** @internal How its store failed last, if it has not been good since. */
  failure(): Error | undefined {
    const { lastFailure } = this.status();
    return lastFailure && failureError(this.name, lastFailure);
  }

  /** @internal */
  isReady(): boolean {
    return this.#actor.isReady() && this.#isOpen();
  }

  /** What was stopped knows nothing: its store may be another process' by now. */
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
    // Without a type checker, anything may come.
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
   * A token that does not say when it was issued counts as issued before: so does one that says no instant, or one that is still to
   * come, or it would be out of reach of every cutoff.
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

/** Without a type checker, null and half an object may come, and what throws where it is read, or is another the next time. */
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
