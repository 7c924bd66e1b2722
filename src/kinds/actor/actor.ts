/**
 * A child of a kind of one's own: any module that exports a behaviour.
 */
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
   * The module that exports the behaviour: a `file:` URL (`new URL('./counter.js', import.meta.url)`) whose default
   * export it is, or `{ module, export }` for a named one. It has no top-level await.
   */
  readonly behaviour: ModuleReference;
  /**
   * Plain data and secret references for `context.options`; anything that can cross to a thread.
   * @default none
   */
  readonly options?: unknown;
  /**
   * False if the actor writes where no fence reaches (a file, a socket): no successor starts before its thread's exit. One
   * that is fenceable gets a successor also beside a thread that was killed and does not end; what that one still
   * publishes or seals is refused.
   * @default true
   */
  readonly fenceable?: boolean;
  /**
   * What becomes of what the actor has published when its thread has ended. `keep`: readers go on with it. `withdraw`: it
   * is taken back before the child is started again or parked, also if the thread was killed and does not end; and if the
   * supervisor thread dies, at the starting thread's next turn.
   * @default 'keep'
   */
  readonly onExit?: OnExit;
  /**
   * Gives the child a table: its actor writes it (`context.table`), any thread reads it (`table`). `true`, or how many
   * entries it takes at most: `maxEntries`, 1 to 40,000,000; 10,000,000 with `true`. Memory is taken as entries come. It
   * outlives the actor and the supervisor thread. It can't be fenced.
   * @default none
   */
  readonly table?: true | TableOptions;
}

/** What the starting thread holds of a child of one's own: what a reader has, and what goes through the mailbox. */
export class Actor extends ActorReader {
  readonly #ref: LocalRef;

  constructor(ref: LocalRef) {
    super(ref.name, ref.memory, ref.table);
    this.#ref = ref;
  }

  /**
   * Sends a message to `handleCall` and waits for the answer. The process is held open until it is there.
   *
   * @throws CALL_TIMEOUT if there is no answer in time (the message may still be handled), ACTOR_DOWN if the actor dies
   * over it, NO_PROC if there is none now, MAILBOX_FULL if `mailboxLimit` messages of this thread wait already,
   * NOT_CLONEABLE for a message or an answer that can't cross, CALL_FAILED with what the handler answered, ABORTED,
   * CONFIG_INVALID for options that are none.
   * @example
   * const count = await counter.call<number>('increment', { timeoutMs: 1_000 });
   */
  call<Answer = unknown>(message: unknown, options?: CallOptions): Promise<Answer> {
    return this.#ref.call(message, options) as Promise<Answer>;
  }

  /** Sends a message to `handleCast` and does not wait. Never throws: what goes wrong is a `cast:failed` event. */
  cast(message: unknown): void {
    this.#ref.cast(message);
  }

  /**
   * Gives the actor new options, all of them, through `handleOptions`; a restart will start with them.
   *
   * @throws CALL_FAILED with what `handleOptions` threw, CONFIG_INVALID, NOT_CLONEABLE, NOT_FOUND, STOPPED, ACTOR_DOWN
   * if the supervisor thread dies over it (it may be repeated).
   */
  update(options: unknown): Promise<void> {
    return this.#ref.update(options);
  }

  /**
   * Starts a parked child again at once; does nothing if it is not parked.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies over it (it may be repeated).
   */
  resume(): Promise<void> {
    return this.#ref.resume();
  }

  /**
   * What another thread needs to call this child as well: post it there, its `port` transferred, and `attach()` it. One
   * for each thread; it may be posted once. It goes on over restarts, and lets go of everything when its thread ends.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies over it (it may be repeated).
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
    report(`${path}.fenceable`, 'false, or absent, beside a table, which no fence reaches', 'true');
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
  update: ({ current, change }, path, report) => {
    const options = { ...(current as ActorOptions), options: change };
    return { prepared: prepare(options, path, report), options };
  },
  createHandle: (ref) => new Actor(ref),
});

/**
 * A child spec for a kind of one's own. Checks nothing yet: what is wrong with the options is told by the start.
 *
 * @example
 * const supervisor = await startSupervisor({
 *   counter: actor({ behaviour: new URL('./counter.js', import.meta.url) }),
 * });
 * await supervisor.children.counter.call('increment');
 */
export const actor = (options: ActorOptions): ChildSpec<Actor> => {
  // What is no module reference is reported by prepare(), at the start, with all other problems.
  const resolved = moduleReference()(propertyOf(options, 'behaviour'), '', () => undefined);
  return childSpec(kindOf(resolved), options);
};
