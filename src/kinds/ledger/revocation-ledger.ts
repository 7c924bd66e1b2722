/** `revocationLedger()`: a child that knows which tokens are revoked, and its handle in the starting thread. */
import { boolean, number, object, optional, type Report } from '../../config/check.js';
import { isPlainObject } from '../../core/describe.js';
import { packageModule } from '../../core/package-files.js';
import { storeReference, type StoreReference } from '../../storage/store-reference.js';
import { memoryStore } from '../../storage/stores.js';
import type { LocalRef } from '../../messaging/local-ref.js';
import {
  type ChildOptions,
  type ChildSpec,
  childShape,
  childSpec,
  type Kind,
  maxEntries,
  type PreparedChild,
} from '../../supervision/kind.js';
import { tableOf } from '../../actor/table-of.js';
import { jwtVerification, type JwtVerification } from '../../jwt/jwt-options.js';
import type { LedgerActorOptions } from './ledger-actor.js';
import { MIN_STALENESS_MS } from './ledger-freshness.js';
import { LedgerWord } from './ledger-words.js';
import { RevocationLedgerClient } from './revocation-ledger-client.js';
import type { LedgerView, TransferableLedgerWriter } from './revocation-ledger-reader.js';

/** Options of {@link revocationLedger}. Durations in ms. */
export interface RevocationLedgerOptions extends ChildOptions {
  /**
   * Where records are stored: `memoryStore()`, `lmdbStore(path)` or `postgresStore({ … })` of `tokenvisor/storage`, or
   * a custom module.
   * @default memoryStore()
   */
  readonly store?: StoreReference;
  /**
   * How the signature of a token is verified before it is revoked.
   * @default none: a token is revoked only if its caller confirms that it is verified
   */
  readonly verify?: JwtVerification;
  /**
   * How long after its expiry a token is still remembered, for verifiers whose clocks are behind: ms, 0 to 86,400,000.
   * For `cutoffs`, also how far the issuer's clock may be ahead.
   * @default 300_000
   */
  readonly graceMs?: number;
  /**
   * Revoke all tokens of a subject that were issued up to an instant, stored or not. Readers then need a token's claims.
   * @default false
   */
  readonly cutoffs?: boolean;
  /**
   * With `cutoffs`, required: the longest life of a token, and so the time that a cutoff is kept: ms, 1,000 to
   * 315,576,000,000.
   */
  readonly maxTokenLifetimeMs?: number;
  /**
   * Accept only tokens that were stored.
   * @default false
   */
  readonly requireStored?: boolean;
  /**
   * With a store that other processes may write to (Postgres), or may lock (lmdb): how old the data of readers may be;
   * when it is older, every token counts as revoked. ms, 2,000 to 600,000.
   * @default 5_000
   */
  readonly maxStalenessMs?: number;
  /**
   * How often expired records are expunged, plus or minus a tenth of it: ms, 1,000 to 2,592,000,000.
   * @default 43_200_000
   */
  readonly expungeIntervalMs?: number;
  /**
   * The most tokens, and cutoffs of subjects, that readers can see: 1 to 40,000,000.
   * @default 10_000_000
   */
  readonly maxEntries?: number;
}

/** Ten years. */
const LONGEST_LIFE_MS = 315_576_000_000;
const DAY_MS = 86_400_000;
const DEFAULT_GRACE_MS = 300_000;

const shape = object(
  {
    ...childShape,
    store: optional(storeReference()),
    verify: optional(jwtVerification()),
    graceMs: optional(number({ min: 0, max: DAY_MS }), DEFAULT_GRACE_MS),
    cutoffs: optional(boolean(), false),
    maxTokenLifetimeMs: optional(number({ min: 1_000, max: LONGEST_LIFE_MS })),
    requireStored: optional(boolean(), false),
    maxStalenessMs: optional(number({ min: MIN_STALENESS_MS, max: 600_000 }), 5_000),
    expungeIntervalMs: optional(number({ min: 1_000, max: 30 * DAY_MS }), 43_200_000),
    maxEntries: maxEntries(),
  },
  ({ cutoffs, maxTokenLifetimeMs }, path, report) => {
    if (cutoffs === true && maxTokenLifetimeMs === undefined) {
      report(`${path}.maxTokenLifetimeMs`, 'the longest life of a token, in ms (required with `cutoffs`)', 'undefined');
    }
    if (cutoffs !== true && maxTokenLifetimeMs !== undefined) {
      report(`${path}.maxTokenLifetimeMs`, 'absent without `cutoffs`', 'given');
    }
  },
);

/** A ledger in memory has its records in the actor's heap; the limit itself takes no memory. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 4_096, maxYoungGenerationSizeMb: 32 };

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const {
    store = storeReference()(memoryStore(), path, report),
    verify,
    graceMs,
    cutoffs: _cutoffs,
    maxTokenLifetimeMs,
    requireStored,
    maxStalenessMs,
    expungeIntervalMs,
    maxEntries: most,
    ...child
  } = shape(raw, path, report);
  const hasLimits = isPlainObject(raw) && raw['resourceLimits'] !== undefined;
  const options: LedgerActorOptions = {
    ...{ store, graceMs, maxStalenessMs, expungeIntervalMs, requireStored },
    ...(verify && { verify }),
    ...(maxTokenLifetimeMs !== undefined && { maxTokenLifetimeMs }),
  };
  return {
    child: hasLimits ? child : { ...child, resourceLimits: RESOURCE_LIMITS },
    options,
    fenceable: false,
    table: { maxEntries: most },
  };
};

/** What the starting thread holds of a ledger. */
export class RevocationLedger<Cutoffs extends boolean = false> extends RevocationLedgerClient<Cutoffs> {
  readonly #ref: LocalRef;
  readonly #view: LedgerView<Cutoffs>;

  /** @internal */
  constructor(ref: LocalRef, view: LedgerView<Cutoffs>) {
    super(ref, view);
    this.#ref = ref;
    this.#view = view;
  }

  /**
   * Starts a parked child again at once; no effect if it is not parked.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   */
  resume(): Promise<void> {
    return this.#ref.resume();
  }

  /**
   * A writer, for another thread to revoke as well: post it there, its `port` transferred, and `attach()` it. One for
   * each thread; it may be posted once.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * const writer = await revoked.writer();
   * worker.postMessage(writer, [writer.port]);
   */
  async writer(): Promise<TransferableLedgerWriter<Cutoffs>> {
    const table = tableOf(this.name, this.#ref.table);
    return { ...(await this.#ref.writer('revocationLedger')), table, ...this.#view };
  }
}

const kindOf = <Cutoffs extends boolean>(view: LedgerView<Cutoffs>): Kind<RevocationLedger<Cutoffs>> => ({
  name: 'revocationLedger',
  module: packageModule('kinds/ledger/ledger-actor.js'),
  export: 'ledgerBehaviour',
  // Digests only.
  secrets: { published: [], sealed: [] },
  validUntilWord: LedgerWord.VALID_UNTIL,
  prepare,
  createHandle: (ref) => new RevocationLedger(ref, view),
});

/** Whether a ledger with these options has cutoffs. @inline */
export type HasCutoffs<Options> = Options extends { readonly cutoffs: true } ? true : false;

/**
 * A child spec for a ledger of revoked tokens. With `cutoffs: true`, its readers must pass a token's claims.
 *
 * @example
 * const supervisor = await startSupervisor({ revoked: revocationLedger({ store: lmdbStore('/var/lib/app/revoked') }) });
 * await supervisor.ready();
 * await supervisor.children.revoked.revokeJti(jti, { subject, expiresAtMs: exp * 1_000 });
 * supervisor.children.revoked.isJtiRevoked(jti);
 */
export const revocationLedger = <const Options extends RevocationLedgerOptions>(
  options: Options = {} as Options,
): ChildSpec<RevocationLedger<HasCutoffs<Options>>> => {
  // What is no option is reported by prepare(), at the start, with all other problems.
  const { cutoffs, requireStored, graceMs } = (isPlainObject(options) ? options : {}) as RevocationLedgerOptions;
  const view = {
    cutoffs: (cutoffs === true) as HasCutoffs<Options>,
    requireStored: requireStored === true,
    graceMs: graceMs ?? DEFAULT_GRACE_MS,
  };
  return childSpec(kindOf(view), options);
};
