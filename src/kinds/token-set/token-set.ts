/** A set of the access tokens that a server has issued: one actor writes it, any thread reads it. */
import { anyOf, number, object, oneOf, optional, type Report } from '../../config/check.js';
import { packageModule } from '../../core/package-files.js';
import type { LocalRef } from '../../messaging/local-ref.js';
import type { TransferableWriter } from '../../messaging/transferable.js';
import {
  type ChildOptions,
  type ChildSpec,
  childShape,
  childSpec,
  type Kind,
  maxEntries as entries,
  type PreparedChild,
} from '../../supervision/kind.js';
import type { TokenSetActorOptions } from './behaviour.js';
import { TokenSetClient } from './token-set-client.js';

/** Options of {@link tokenSet}. */
export interface TokenSetOptions extends ChildOptions {
  /**
   * The most tokens that it takes: 1 to 40,000,000. Memory is allocated as they are added, some 40 bytes each.
   * @default 10_000_000
   */
  readonly maxEntries?: number;
  /**
   * How often expired tokens are removed, plus or minus a tenth: ms, 100 to 86,400,000, or `never`. It only frees
   * memory: readers never see an expired token.
   * @default 60_000
   */
  readonly expungeIntervalMs?: number | 'never';
}

const DAY_MS = 86_400_000;

const shape = object({
  ...childShape,
  maxEntries: entries(),
  expungeIntervalMs: optional(
    anyOf<number | 'never'>(
      `'never' or milliseconds from 100 to ${DAY_MS}`,
      oneOf('never'),
      number({ min: 100, max: DAY_MS }),
    ),
    60_000,
  ),
});

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const { maxEntries, expungeIntervalMs, ...child } = shape(raw, path, report);
  const options: TokenSetActorOptions = {
    expungeIntervalMs: expungeIntervalMs === 'never' ? Infinity : expungeIntervalMs,
  };
  return { child, options, fenceable: false, table: { maxEntries } };
};

/** What the starting thread holds of a token set: all that a reader has, and what goes through its actor. */
export class TokenSet extends TokenSetClient {
  readonly #ref: LocalRef;

  /** @internal */
  constructor(ref: LocalRef) {
    super(ref);
    this.#ref = ref;
  }

  /**
   * Starts a parked child again at once; no effect if it is not parked. A parked set can still be read.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   */
  resume(): Promise<void> {
    return this.#ref.resume();
  }

  /**
   * A writer, for another thread to change the set as well: post it there, its `port` transferred, and `attach()` it.
   * One for each thread; it may be posted once.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * const writer = await sessions.writer();
   * worker.postMessage(writer, [writer.port]);
   */
  writer(): Promise<TransferableWriter<'tokenSet'>> {
    return this.#ref.writer('tokenSet');
  }
}

const kind: Kind<TokenSet> = {
  name: 'tokenSet',
  module: packageModule('kinds/token-set/behaviour.js'),
  export: 'tokenSetBehaviour',
  // Digests only.
  secrets: { published: [], sealed: [] },
  prepare,
  createHandle: (ref) => new TokenSet(ref),
};

/**
 * A child spec for a token set: sessions, API keys, the access tokens that this server has issued. Any number of
 * threads check whether a token is in it, without waiting. It holds digests, not tokens, in memory alone: they outlive
 * the actor and the supervisor thread, not the process.
 *
 * @example
 * const supervisor = await startSupervisor({ sessions: tokenSet({ maxEntries: 1_000_000 }) });
 * await supervisor.children.sessions.insert('a token', { expiresAtMs: Date.now() + 3_600_000 });
 * supervisor.children.sessions.exists('a token'); // true, here and in every thread that attach()es its handle()
 */
export const tokenSet = (options: TokenSetOptions = {}): ChildSpec<TokenSet> => childSpec(kind, options);
