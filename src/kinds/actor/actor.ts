/** A child of a custom kind: any module that exports a behaviour. */
import { anyOf, anything, boolean, custom, object, oneOf, optional, type Report } from '../../config/check.js';
import { ActorReader } from './reader.js';
import {
  type ChildOptions,
  type ChildSpec,
  childShape,
  childSpec,
  type Kind,
  maxEntries,
  type PreparedChild,
} from '../../supervision/kind.js';
import type { LocalRef } from '../../messaging/local-ref.js';
import type { TransferableWriter } from '../../messaging/transferable.js';
import type { CallOptions } from '../../messaging/call-port.js';
import { propertyOf } from '../../core/describe.js';
import { moduleReference, type ModuleReference } from '../../config/module-reference.js';
import type { OnExit } from '../../supervision/core/types.js';
import { DEFAULT_MAX_ENTRIES, MOST_ENTRIES, type TableOptions } from '../../table/table-memory.js';

/** Options of {@link actor}. */
export interface ActorOptions extends ChildOptions {
  /**
   * The module that exports the behaviour: a `file:` URL (`new URL('./counter.js', import.meta.url)`) for its default
   * export, or `{ module, export }` for a named one. It must not have a top-level await.
   */
  readonly behaviour: ModuleReference;
  /**
   * Plain data and secret references for `context.options`; anything that can be cloned to a thread.
   * @default none
   */
  readonly options?: unknown;
  /**
   * False if the actor writes to a place that can't be fenced (a file, a socket): no successor starts before its
   * thread's exit. A fenceable actor gets a successor even beside a thread that was killed and does not end; later
   * publications and seals of the old one are refused.
   * @default true
   */
  readonly fenceable?: boolean;
  /**
   * What happens to the published value when the actor's thread has ended. `keep`: readers continue to use it.
   * `withdraw`: it is withdrawn before the child is started again or parked, even if the thread was killed and does not
   * end; if the supervisor thread dies, at the starting thread's next turn.
   * @default 'keep'
   */
  readonly onExit?: OnExit;
  /**
   * Gives the child a table: its actor writes it (`context.table`), any thread reads it (`table`). `true`, or the most
   * entries that it takes: `maxEntries`, 1 to 40,000,000; 10,000,000 with `true`. Memory is allocated as entries are
   * added. It outlives the actor and the supervisor thread. It can't be fenced.
   * @default none
   */
  readonly table?: true | TableOptions;
}

/** A custom child's handle in the starting thread: a reader that can also call the actor. */
export class Actor extends ActorReader {
  readonly #ref: LocalRef;

  constructor(ref: LocalRef) {
    super(ref.name, ref.memory, ref.table);
    this.#ref = ref;
  }

  /**
   * Sends a message to `handleCall` and waits for the answer. The process is held open until then.
   *
   * @throws CALL_TIMEOUT if there is no answer in time (the message may still be handled), ACTOR_DOWN if the actor dies
   *   during it, NO_PROC if there is no actor now, MAILBOX_FULL if `mailboxLimit` messages of this thread wait already,
   *   NOT_CLONEABLE for a message or an answer that can't be cloned, CALL_FAILED with the handler's error, ABORTED,
   *   CONFIG_INVALID for invalid options.
   * @example
   * const count = await counter.call<number>('increment', { timeoutMs: 1_000 });
   */
  call<Answer = unknown>(message: unknown, options?: CallOptions): Promise<Answer> {
    return this.#ref.call(message, options) as Promise<Answer>;
  }

  /** Sends a message to `handleCast` without waiting. Never throws: a failure is a `cast:failed` event. */
  cast(message: unknown): void {
    this.#ref.cast(message);
  }

  /**
   * Replaces all of the actor's options, through `handleOptions`; a restart starts with them.
   *
   * @throws CALL_FAILED with the error of `handleOptions`, CONFIG_INVALID, NOT_CLONEABLE, NOT_FOUND, STOPPED,
   *   ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   */
  update(options: unknown): Promise<void> {
    return this.#ref.update(options);
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
   * A writer, for another thread to call this child as well: post it there, its `port` transferred, and `attach()` it.
   * One for each thread; it may be posted once. It works across restarts, and is released when its thread ends.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * const writer = await counter.writer();
   * worker.postMessage(writer, [writer.port]);
   */
  async writer(): Promise<TransferableWriter<'actor'>> {
    return { ...(await this.#ref.writer()), kind: 'actor' };
  }
}

const shape = object({
  ...childShape,
  behaviour: moduleReference(),
  options: optional(anything),
  fenceable: optional(boolean(), true),
  onExit: optional(oneOf('keep', 'withdraw'), 'keep'),
  table: optional(
    anyOf<true | { readonly maxEntries: number }>(
      `true, or { maxEntries } of 1 to ${MOST_ENTRIES}`,
      custom('true', (value): value is true => value === true),
      object({ maxEntries: maxEntries() }),
    ),
  ),
});

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const { behaviour: _, options, fenceable, onExit, table, ...child } = shape(raw, path, report);
  if (table && (raw as ActorOptions).fenceable === true) {
    report(`${path}.fenceable`, 'false or absent with a table, which can not be fenced', 'true');
  }
  return {
    child,
    options,
    optionsKey: 'options',
    fenceable: fenceable && !table,
    onExit,
    ...(table && { table: table === true ? { maxEntries: DEFAULT_MAX_ENTRIES } : table }),
  };
};

const kindOf = (behaviour: { module: string; export: string }): Kind<Actor> => ({
  name: 'actor',
  ...behaviour,
  prepare,
  rotate: ({ current, change }, path, report) => {
    const options = { ...(current as ActorOptions), options: change };
    return { prepared: prepare(options, path, report), options };
  },
  createHandle: (ref) => new Actor(ref),
});

/**
 * A child spec for a custom kind. Checks nothing yet: the start reports problems with the options.
 *
 * @example
 * const supervisor = await startSupervisor({
 *   counter: actor({ behaviour: new URL('./counter.js', import.meta.url) }),
 * });
 * await supervisor.children.counter.call('increment');
 */
export const actor = (options: ActorOptions): ChildSpec<Actor> => {
  // prepare() reports an invalid module reference, at the start, with all other problems.
  const resolved = moduleReference()(propertyOf(options, 'behaviour'), '', () => undefined);
  return childSpec(kindOf(resolved), options);
};
