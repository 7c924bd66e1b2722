/**
 * A child of a user's own kind: any module that exports a behaviour.
 */
import { anyOf, anything, boolean, custom, object, oneOf, optional, type Report } from '../../config/check.js';
import { ActorClient } from './client.js';
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

/** Options of {@link actor} for a child with a client of your own. */
export interface ActorClientOptions<Client extends object> extends ActorOptions {
  /**
   * Makes what `supervisor.children` has for the child, out of its {@link Actor}: an object with methods of your own. Called
   * once, in the starting thread. For other threads, `attach()` takes a function like it.
   */
  readonly client: (base: Actor) => Client;
}

/** A child of a user's own kind, in the starting thread. */
export class Actor extends ActorClient {
  readonly #ref: LocalRef;

  /** @internal */
  constructor(ref: LocalRef) {
    super(ref);
    this.#ref = ref;
  }

  /**
   * Gives the actor new options, all of them, through `handleOptions`; a restart starts with them.
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
   * What another thread needs to call this child as well: post it there, its `port` transferred, and `attach()` it. One
   * for each thread; it may be posted once. It works over restarts, and closes when its thread ends.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * const writer = await counter.writer();
   * worker.postMessage(writer, [writer.port]);
   */
  writer(): Promise<TransferableWriter<'actor'>> {
    return this.#ref.writer('actor');
  }
}

const shape = object({
  ...childShape,
  behaviour: moduleReference(),
  options: optional(anything),
  fenceable: optional(boolean(), true),
  onExit: optional(oneOf('keep', 'withdraw'), 'keep'),
  client: optional(custom('a function', (value): value is (base: Actor) => object => typeof value === 'function')),
  table: optional(
    anyOf<true | { readonly maxEntries: number }>(
      `true, or { maxEntries } of 1 to ${MOST_ENTRIES}`,
      custom('true', (value): value is true => value === true),
      object({ maxEntries: maxEntries() }),
    ),
  ),
});

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const { behaviour: _, client: _client, options, fenceable, onExit, table, ...child } = shape(raw, path, report);
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

const kindOf = <Client extends object>(
  behaviour: { module: string; export: string },
  client: ((base: Actor) => Client) | undefined,
): Kind<Client> => ({
  name: 'actor',
  ...behaviour,
  // Only its author knows which.
  secrets: { published: 'all', sealed: 'all' },
  prepare,
  update: ({ current, change }, path, report) => {
    const options = { ...(current as ActorOptions), options: change };
    return { prepared: prepare(options, path, report), options };
  },
  createHandle: (ref) => new Actor(ref),
  ...(client && { createClient: (handle) => client(handle as Actor) }),
});

/**
 * A child spec for a kind of your own. The start checks the options.
 *
 * @example
 * const supervisor = await startSupervisor({
 *   counter: actor({
 *     behaviour: new URL('./counter.js', import.meta.url),
 *     client: (base) => ({ increment: () => base.call<number>('increment') }),
 *   }),
 * });
 * await supervisor.children.counter.increment();
 */
export function actor<Client extends object>(options: ActorClientOptions<Client>): ChildSpec<Client>;
export function actor(options: ActorOptions): ChildSpec<Actor>;
export function actor(options: ActorOptions): ChildSpec<object> {
  // prepare() reports at the start, with all other problems, that these are no module reference or no function.
  const resolved = moduleReference()(propertyOf(options, 'behaviour'), '', () => undefined);
  const client = propertyOf(options, 'client');
  const isFunction = typeof client === 'function';
  return childSpec(kindOf(resolved, isFunction ? (client as (base: Actor) => object) : undefined), options);
}
