/** At most one active emergency token, for when the usual ways to log in fail: only its digest is stored. */
import { number, object, oneOf, optional, type Report } from '../../config/check.js';
import { packageModule } from '../../core/package-files.js';
import type { LocalRef } from '../../messaging/local-ref.js';
import type { TransferableWriter } from '../../messaging/transferable.js';
import {
  type ChildOptions,
  type ChildSpec,
  childShape,
  childSpec,
  type Kind,
  type PreparedChild,
} from '../../supervision/kind.js';
import type { BreakGlassActorOptions } from './behaviour.js';
import { BreakGlassClient } from './break-glass-client.js';

/** Options of {@link breakGlass}. */
export interface BreakGlassOptions extends ChildOptions {
  /**
   * The longest validity of a token: ms, 1 to 31,536,000,000.
   * @default for ever
   */
  readonly maxAgeMs?: number;
  /**
   * What happens to the token when its actor's thread ends, in any way. `invalidate`: it is removed before any restart,
   * and when the child is parked; if the supervisor thread dies, at the starting thread's next turn. `keep`: it stays
   * valid.
   * @default 'invalidate'
   */
  readonly onCrash?: 'invalidate' | 'keep';
}

const YEAR_MS = 31_536_000_000;

const shape = object({
  ...childShape,
  maxAgeMs: optional(number({ min: 1, max: YEAR_MS })),
  onCrash: optional(oneOf('invalidate', 'keep'), 'invalidate'),
});

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const { maxAgeMs, onCrash, ...child } = shape(raw, path, report);
  const keep = onCrash === 'keep';
  const options: BreakGlassActorOptions = { keep, ...(maxAgeMs !== undefined && { maxAgeMs }) };
  return { child, options, fenceable: true, onExit: keep ? 'keep' : 'withdraw' };
};

/** What the starting thread holds of a break-glass token. */
export class BreakGlass extends BreakGlassClient {
  readonly #ref: LocalRef;

  /** @internal */
  constructor(ref: LocalRef) {
    super(ref);
    this.#ref = ref;
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
   * A writer, for another thread to change the token as well: post it there, its `port` transferred, and `attach()` it.
   * One for each thread; it may be posted once.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * const writer = await door.writer();
   * worker.postMessage(writer, [writer.port]);
   */
  writer(): Promise<TransferableWriter<'breakGlass'>> {
    return this.#ref.writer('breakGlass');
  }
}

const kind: Kind<BreakGlass> = {
  name: 'breakGlass',
  module: packageModule('kinds/break-glass/behaviour.js'),
  export: 'breakGlassBehaviour',
  // A digest only.
  secrets: { published: [], sealed: [] },
  prepare,
  createHandle: (ref) => new BreakGlass(ref),
};

/**
 * A child spec for a break-glass token: one actor makes it, and any thread looks it up.
 *
 * @example
 * const supervisor = await startSupervisor({ door: breakGlass({ maxAgeMs: 3_600_000 }) });
 * const built = await supervisor.children.door.buildAndStore();
 * supervisor.children.door.lookup(built.token);
 */
export const breakGlass = (options: BreakGlassOptions = {}): ChildSpec<BreakGlass> => childSpec(kind, options);
