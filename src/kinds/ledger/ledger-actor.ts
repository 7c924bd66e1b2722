/**
 * The ledger's actor: a thin shell that opens the store, follows its changes, and carries out calls. It is the only
 * writer of the table, which outlives it.
 */
import {
  type ActorContext,
  type Behaviour,
  type From,
  noReply,
  proceed,
  type TaskResult,
} from '../../actor/behaviour.js';
import { loadExport } from '../../core/load-module.js';
import { toWireError, type WireError } from '../../core/wire-error.js';
import { ClockSteps, type Instant, type Timer } from '../../core/clock.js';
import { TokenvisorError } from '../../core/errors.js';
import { packageModule } from '../../core/package-files.js';
import { openStore } from '../../storage/open-store.js';
import { memoryStoreModule, type CheckedStoreReference } from '../../storage/store-reference.js';
import type { Store } from '../../storage/port/store.js';
import type { TableWriter } from '../../table/table-writer.js';
import type { CheckedJwtVerification } from '../../jwt/jwt-options.js';
import type { JwtVerifier } from '../../jwt/jwt-verifier.js';
import { ExpungeClock } from '../inbound/expunge-clock.js';
import { expungeInMs } from '../inbound/expunger.js';
import { strangeCall } from '../inbound/strange-call.js';
import { BatchVerifier } from './batch-verifier.js';
import { expungeLedger } from './ledger-expunge.js';
import type { LedgerDetails } from './ledger-failure.js';
import { LedgerFeed, revokedOf, type Revoked } from './ledger-feed.js';
import {
  freshness,
  initialFreshness,
  type FreshnessEffect,
  type FreshnessEvent,
  type StoreTask,
} from './ledger-freshness.js';
import { ledgerCallOf } from './ledger-call-check.js';
import type { LedgerCall } from './ledger-messages.js';
import { LedgerRecords } from './ledger-records.js';
import { LedgerService, type TokenVerifier } from './ledger-service.js';
import { LedgerTable, nextEra } from './ledger-table.js';
import { LedgerWord } from './ledger-words.js';

/** The options of the actor. */
export interface LedgerActorOptions {
  readonly store: CheckedStoreReference;
  readonly verify?: CheckedJwtVerification;
  readonly graceMs: number;
  readonly maxStalenessMs: number;
  readonly expungeIntervalMs: number;
  readonly requireStored: boolean;
  /** Absent: there are no cutoffs. */
  readonly maxTokenLifetimeMs?: number;
}

/** The open store, and the objects that use it. */
interface Opened {
  readonly store: Store;
  readonly records: LedgerRecords;
  readonly feed: LedgerFeed;
  readonly service: LedgerService;
}

type Tag =
  | { readonly kind: StoreTask; readonly began: Instant }
  | { readonly kind: 'call'; readonly from: From }
  | { readonly kind: 'recheck' }
  | { readonly kind: 'expunge' };

type LedgerInfo =
  | (TaskResult & { readonly tag: Tag })
  | { readonly kind: 'woken' | 'changed' | 'tick' | 'recheck' | 'expunge' | 'requested' };

const TICK_MS = 1_000;
const RECHECK = { baseMs: 100, maxMs: 2_000 } as const;

class Ledger {
  readonly #context: ActorContext<LedgerActorOptions>;
  readonly #writer: TableWriter;
  readonly #table: LedgerTable;
  readonly #verifier: BatchVerifier | undefined;
  #freshness = initialFreshness;
  #opened: Opened | undefined;
  /** Calls that arrived before the store was opened for the first time. */
  #early: { readonly call: LedgerCall; readonly from: From }[] | undefined = [];
  /** The last failure of the store. */
  #failure: WireError | undefined;
  /** True while `status()` shows a failure, perhaps of a former incarnation. */
  #showsFailure: boolean;
  #wake: Timer | undefined;
  #rechecks = 0;
  #expunging: Promise<number> | undefined;
  readonly #ending = new AbortController();
  readonly #clockSteps: ClockSteps;
  readonly #expungeClock: ExpungeClock;

  constructor(context: ActorContext<LedgerActorOptions>) {
    const { options, words, table } = context;
    this.#context = context;
    this.#writer = table;
    this.#clockSteps = new ClockSteps(context.clock);
    this.#expungeClock = new ExpungeClock(words, LedgerWord.EXPUNGE, context.clock);
    this.#showsFailure = context.incarnation > 1;
    if (context.incarnation > 1 && forgets(options.store))
      words.store(LedgerWord.ERA, nextEra(words.load(LedgerWord.ERA)));
    this.#table = new LedgerTable({
      writer: table,
      era: words.load(LedgerWord.ERA),
      requireStored: options.requireStored,
      cutoffs: options.maxTokenLifetimeMs !== undefined,
    });
    this.#verifier = options.verify && new BatchVerifier(createVerifier(options.verify, context));
  }

  start(): this {
    const validUntilS = this.#context.words.load(LedgerWord.VALID_UNTIL) >>> 0;
    this.#dispatch({ kind: 'started', validUntilS, exclusive: forgets(this.#context.options.store) });
    this.#context.sendAfter({ kind: 'tick' }, TICK_MS);
    this.#planExpunge();
    return this;
  }

  call(message: unknown, from: From): this {
    let call: LedgerCall | undefined;
    try {
      call = ledgerCallOf(message, this.#context.name);
    } catch (error) {
      this.#context.replyError(from, error);
      return this;
    }
    if (!call) this.#context.replyError(from, strangeCall(this.#context.name, message));
    else if (this.#opened) this.#answer(call, from, this.#opened);
    else if (this.#early) this.#early.push({ call, from });
    else this.#context.replyError(from, this.#unavailable());
    return this;
  }

  receive(message: LedgerInfo): this {
    switch (message.kind) {
      case 'task':
        this.#finish(message);
        break;
      case 'woken':
        this.#dispatch({ kind: 'woken' });
        break;
      case 'changed':
        this.#dispatch({ kind: 'changed' });
        break;
      case 'tick':
        this.#tick();
        break;
      case 'recheck':
        if (this.#opened?.records.unsure === true)
          this.#run({ kind: 'recheck' }, () => this.#opened?.records.recheck());
        break;
      case 'expunge':
        this.#run({ kind: 'expunge' }, () => this.#expunge());
        break;
      case 'requested':
        break;
      default:
        // An unknown message is reported, never fatal.
        this.#context.emit('error', { during: 'a message to a ledger', error: 'a message of an unknown kind' });
    }
    return this;
  }

  /** A stopped ledger must not be trusted: another process may use the store from now on. */
  async terminate(isStopped: boolean): Promise<void> {
    if (isStopped) this.#context.words.store(LedgerWord.VALID_UNTIL, 0);
    this.#ending.abort();
    this.#verifier?.close();
    await this.#opened?.records.close();
    await this.#opened?.store.close();
  }

  #run(tag: Tag, run: (signal: AbortSignal) => unknown): void {
    this.#context.startTask(run, tag);
  }

  #dispatch(event: FreshnessEvent): void {
    const { clock, options } = this.#context;
    const { state, effects } = freshness(this.#freshness, event, options, clock.now(), Math.random);
    this.#freshness = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: FreshnessEffect): void {
    const { words, clock } = this.#context;
    switch (effect.kind) {
      case 'valid_until':
        return words.store(LedgerWord.VALID_UNTIL, effect.second);
      case 'start':
        return this.#run({ kind: effect.task, began: clock.now() }, (signal) => this.#do(effect.task, signal));
      case 'wake':
        this.#wake?.cancel();
        this.#wake =
          effect.atMonoMs === undefined
            ? undefined
            : this.#context.sendAfter({ kind: 'woken' }, effect.atMonoMs - clock.monoMs());
        return;
      case 'tell':
        return this.#tell(effect.what);
    }
  }

  #tell(what: 'opened' | 'closed'): void {
    if (what === 'opened') return this.#context.emit('ledger:opened', { size: this.#writer.size });
    const error = this.#failure;
    this.#context.emit('ledger:closed', { ...(error && { error }) });
  }

  async #do(task: StoreTask, signal: AbortSignal): Promise<unknown> {
    if (task === 'open') return this.#open();
    const feed = this.#opened!.feed;
    // At a first start, readers have not trusted the table yet, so loaded revocations are not reported as events.
    if (task === 'load') return feed.load({ tells: this.#freshness.told === 'opened', signal });
    return feed.look(signal);
  }

  async #open(): Promise<Opened> {
    const { options, clock, owner, name } = this.#context;
    const store = await openStore(options.store, {
      ...{ clock, owner },
      changed: () => this.#context.send({ kind: 'changed' }),
    });
    const { graceMs, maxTokenLifetimeMs } = options;
    const table = this.#table;
    const onRevoked = (revoked: Revoked): void => this.#tellRevoked(revoked);
    const records = new LedgerRecords({
      ...{ child: name, store, table, graceMs, clock },
      onRevoked: (row) => onRevoked(revokedOf(row)),
      onUnsure: () => this.#planRecheck(),
    });
    const feed = new LedgerFeed({ store, table, read: (keys) => records.read(keys), onRevoked });
    const verifier: TokenVerifier = this.#verifier ?? noVerifier(name);
    const expunge = (): Promise<number> => this.#expunge();
    const expungedByMs = (): number => this.#expungeClock.nowMs();
    const service = new LedgerService({ store, records, verifier, clock, maxTokenLifetimeMs, expunge, expungedByMs });
    return { store, records, feed, service };
  }

  #finish(result: TaskResult & { readonly tag: Tag }): void {
    const { tag } = result;
    switch (tag.kind) {
      case 'call':
        if (result.ok) this.#context.reply(tag.from, result.value);
        else this.#context.replyError(tag.from, result.error);
        return;
      case 'recheck':
        if (result.ok) this.#rechecks = 0;
        else this.#storeFailed('recheck', result.error, this.#rechecks === 1);
        if (this.#opened?.records.unsure === true) this.#planRecheck();
        return;
      case 'expunge':
        if (!result.ok) this.#storeFailed('expunge', result.error, true);
        return this.#planExpunge();
      case 'open':
        if (result.ok) this.#take(result.value as Opened);
        else this.#failed('open', result.error);
        return;
      case 'load':
      case 'look': {
        if (!result.ok) return this.#failed(tag.kind, result.error);
        this.#succeeded();
        const kind = tag.kind === 'load' ? 'loaded' : 'looked';
        const held = this.#opened?.store.exclusive === true;
        return this.#dispatch({ kind, began: tag.began, held });
      }
    }
  }

  #take(opened: Opened): void {
    this.#opened = opened;
    this.#failure = undefined;
    const early = this.#early ?? [];
    this.#early = undefined;
    // Other processes can't write to this thread's memory; to a locked store they can once the lock is lost.
    const exclusive = forgets(this.#context.options.store);
    this.#dispatch({ kind: 'store_opened', exclusive, held: opened.store.exclusive });
    for (const { call, from } of early) this.#answer(call, from, opened);
  }

  #failed(during: StoreTask, error: unknown): void {
    this.#failure = toWireError(error);
    this.#showsFailure = true;
    // Without the causes: a status has little room.
    const { message, code } = this.#failure;
    const lastFailure = { during, message, ...(code !== undefined && { code }), atMs: this.#context.clock.wallMs() };
    this.#context.setStatus({ lastFailure } satisfies LedgerDetails);
    // Once for each outage: during it, a retry follows every two seconds.
    if (this.#freshness.failures === 0) this.#storeFailed(during, error, true);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const { from } of early) this.#context.replyError(from, this.#unavailable());
    this.#dispatch({ kind: 'failed' });
  }

  #succeeded(): void {
    this.#failure = undefined;
    if (this.#showsFailure) this.#context.setStatus({} satisfies LedgerDetails);
    this.#showsFailure = false;
  }

  #answer(call: LedgerCall, from: From, { service }: Opened): void {
    this.#run({ kind: 'call', from }, () => service.answer(call));
  }

  #planRecheck(): void {
    const delayMs = Math.min(RECHECK.baseMs * 2 ** this.#rechecks, RECHECK.maxMs);
    this.#rechecks += 1;
    this.#context.sendAfter({ kind: 'recheck' }, delayMs * (1 - Math.random() / 5));
  }

  #planExpunge(): void {
    const { expungeIntervalMs } = this.#context.options;
    this.#context.sendAfter({ kind: 'expunge' }, expungeInMs(expungeIntervalMs));
  }

  /** One at a time: later callers share it. */
  #expunge(): Promise<number> {
    if (!this.#opened) return Promise.reject(this.#unavailable());
    const { store } = this.#opened;
    const tell = (removed: number): number => {
      if (removed > 0) this.#context.emit('table:expunged', { removed, size: this.#writer.size });
      return removed;
    };
    this.#expunging ??= expungeLedger(store, this.#writer, this.#expungeClock.nowMs(), this.#ending.signal)
      .then(tell)
      .finally(() => (this.#expunging = undefined));
    return this.#expunging;
  }

  #tick(): void {
    this.#context.sendAfter({ kind: 'tick' }, TICK_MS);
    this.#expungeClock.look();
    const byMs = this.#clockSteps.byMs();
    if (byMs !== undefined) {
      // Readers first: they check the word.
      this.#dispatch({ kind: 'clock_stepped' });
      this.#context.emit('clock:stepped', { byMs });
    }
    const malformed = this.#count(LedgerWord.MALFORMED);
    const closed = this.#count(LedgerWord.CLOSED);
    if (malformed + closed > 0) this.#context.emit('ledger:refused', { malformed, closed });
  }

  /** The increase since the last call. */
  #count(word: number): number {
    const { words } = this.#context;
    const counted = words.load(word);
    if (counted !== 0) words.add(word, -counted);
    return counted >>> 0;
  }

  #tellRevoked(revoked: Revoked): void {
    if ('jti' in revoked) return this.#context.emit('ledger:revoked', revoked);
    const issuedBeforeMs = (revoked.cutoffS + 1) * 1_000;
    this.#context.emit('ledger:subject-revoked', { subject: revoked.subject, issuedBeforeMs });
  }

  #storeFailed(during: string, error: unknown, isNews: boolean): void {
    if (isNews) this.#context.emit('ledger:store-failed', { during, error: toWireError(error) });
  }

  #unavailable(): TokenvisorError {
    const { name } = this.#context;
    const said = this.#failure === undefined ? '' : `: ${this.#failure.message}`;
    return new TokenvisorError('STORE_UNAVAILABLE', `The store of '${name}' is not open${said}`, { child: name });
  }
}

/** True for the store in memory: its data ends with the incarnation. */
const forgets = ({ module }: CheckedStoreReference): boolean => module === memoryStoreModule;

/** The verifier is loaded only if it is needed: it brings a library. */
const createVerifier = (options: CheckedJwtVerification, { clock }: ActorContext): JwtVerifier => {
  const Verifier = loadExport(packageModule('jwt/jwt-verifier.js'), 'JwtVerifier') as typeof JwtVerifier;
  return new Verifier(options, { clock });
};

const noVerifier = (child: string): TokenVerifier => {
  const refuse = (): never => {
    throw new TokenvisorError(
      'CONFIG_INVALID',
      `Expected '${child}' to have the option \`verify\`, which verifying a token needs, got none. Set it, or ` +
        'pass { verified: true } for a verified token',
      { child },
    );
  };
  return { verify: refuse, verifyBatch: refuse };
};

export const ledgerBehaviour: Behaviour<Ledger, LedgerActorOptions> = {
  init: (context) => proceed(new Ledger(context)),
  handleContinue: (_argument, ledger) => ledger.start(),
  handleCall: (message: unknown, from, ledger) => noReply(ledger.call(message, from)),
  handleInfo: (message: LedgerInfo, ledger) => ledger.receive(message),
  terminate: (reason, ledger) => ledger.terminate(typeof reason === 'string'),
};
