/** The starting thread's children: their specs, their memory, and their handles. */
import { randomUUID } from 'node:crypto';
import { fromWireError } from '../../core/wire-error.js';
import { describeValue, isObjectToHold } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { LocalRef, type RefOwner } from '../../messaging/local-ref.js';
import type { ChildPlan } from '../thread/child-shell.js';
import type { Kind, SupervisedHandle } from '../kind.js';
import { isCredential, type CheckedChild, type Referring } from './options.js';
import { notFound } from '../core/supervisor-errors.js';

export interface HeldChild {
  readonly kind: Kind<unknown>;
  /** The user's, with what `update()` has changed since: no secret of before is held on to. */
  readonly options: unknown;
  readonly plan: ChildPlan;
  readonly ref: LocalRef;
  /** What the supervisor asks how the child does. */
  readonly handle: SupervisedHandle;
  /** What its users hold: the handle, or what the kind made of it. */
  readonly client: unknown;
  /** A `startChild` that is not answered yet: no supervisor thread but the one that was asked starts it. */
  readonly starting: boolean;
}

export class ChildTable {
  /** The handles, by name. Without a prototype, so that a child may have any name. */
  readonly handles = Object.create(null) as Record<string, unknown>;
  readonly #supervisor = randomUUID();
  readonly #keeperOf: (name: string) => RefOwner;
  readonly #byName = new Map<string, HeldChild>();
  /** By name, the last command that may free it. */
  readonly #freeing = new Map<string, Promise<unknown>>();

  /** @param keeperOf what the supervisor does for the door of a child of that name. */
  constructor(keeperOf: (name: string) => RefOwner) {
    this.#keeperOf = keeperOf;
  }

  get all(): readonly HeldChild[] {
    return [...this.#byName.values()];
  }

  /** The references of each child. */
  get referring(): readonly Referring[] {
    return this.all.map(({ plan: { rules, options } }) => ({ name: rules.name, wire: options }));
  }

  find(name: string): HeldChild | undefined {
    return this.#byName.get(name);
  }

  /** @throws NOT_FOUND */
  get(name: string): HeldChild {
    const child = this.#byName.get(name);
    if (!child) throw fromWireError(notFound(typeof name === 'string' ? name : describeValue(name)));
    return child;
  }

  /** The shared memory of the credential of that name. */
  tokenMemory(name: string): SharedArrayBuffer | undefined {
    const child = this.#byName.get(name);
    return child && isCredential(child.kind) ? child.plan.memory.shared : undefined;
  }

  /** Adds a child, and makes its handle. */
  add(checked: CheckedChild, { starting = false } = {}): HeldChild {
    const { name, spec, child: options, onExit = 'keep', wire, environment, memory } = checked;
    const fenceable = checked.fenceable && !memory.table;
    const { restart, shutdown, maxRestarts, maxSeconds, hangTimeoutMs, initTimeoutMs, ...rest } = options;
    const { validUntilWord } = spec.kind;
    const plan: ChildPlan = {
      ...rest,
      rules: { name, restart, shutdown, maxRestarts, maxSeconds, hangTimeoutMs, initTimeoutMs, fenceable, onExit },
      module: spec.kind.module,
      export: spec.kind.export,
      secrets: spec.kind.secrets,
      ...(validUntilWord !== undefined && { validUntilWord }),
      options: wire,
      owner: `${this.#supervisor}/${name}`,
      memory,
      env: environment,
    };
    const ref = new LocalRef({ name, memory: memory.shared, table: memory.table }, this.#keeperOf(name));
    const handle = spec.kind.createHandle(ref);
    const client = clientOf(name, spec.kind, handle);
    const child: HeldChild = { kind: spec.kind, options: spec.options, plan, ref, handle, client, starting };
    this.#byName.set(name, child);
    this.handles[name] = client;
    return child;
  }

  /** Changes what is held of a child, if it is held still: another one may have got its name meanwhile. */
  change({ ref, plan }: HeldChild, change: (child: HeldChild) => Partial<HeldChild>): void {
    const { name } = plan.rules;
    const child = this.#byName.get(name);
    if (child?.ref === ref) this.#byName.set(name, { ...child, ...change(child) });
  }

  /** Forgets a child, but not another one that has got its name meanwhile. */
  remove({ ref, plan }: HeldChild): void {
    const { name } = plan.rules;
    ref.close();
    if (this.#byName.get(name)?.ref !== ref) return;
    this.#byName.delete(name);
    delete this.handles[name];
  }

  /** Settles as `asked`, a command that may free the name; until then a start of a child of that name waits. */
  async whileFreeing(name: string, asked: Promise<unknown>): Promise<void> {
    const settled = asked.catch(() => undefined);
    this.#freeing.set(name, settled);
    try {
      await asked;
    } finally {
      if (this.#freeing.get(name) === settled) this.#freeing.delete(name);
    }
  }

  /** Resolves when all commands that may free the name are done; undefined if there are none. */
  freed(name: string): Promise<unknown> | undefined {
    return this.#freeing.get(name);
  }
}

/** @throws START_FAILED if the user's function throws, or returns no object. */
const clientOf = (name: string, kind: Kind<unknown>, handle: SupervisedHandle): unknown => {
  if (!kind.createClient) return handle;
  let client: unknown;
  try {
    client = kind.createClient(handle);
  } catch (cause) {
    throw new TokenvisorError('START_FAILED', `The \`client\` function of '${name}' threw`, { child: name, cause });
  }
  if (isObjectToHold(client)) return client;
  const message = `Expected the \`client\` function of '${name}' to return an object, got ${describeValue(client)}`;
  throw new TokenvisorError('START_FAILED', message, { child: name });
};
