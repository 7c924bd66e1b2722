/** The starting thread's children: their specs, their memory, and their handles. */
import { randomUUID } from 'node:crypto';
import type { Health } from '../child-status.js';
import { fromWireError } from '../../core/wire-error.js';
import { describeValue } from '../../core/describe.js';
import type { AtomicWords } from '../../memory/words.js';
import { LocalRef, type RefOwner } from '../../messaging/local-ref.js';
import type { ChildPlan } from '../thread/child-shell.js';
import type { Kind } from '../kind.js';
import { isCredential, type CheckedChild, type Referring } from './options.js';
import { notFound } from '../core/supervisor-errors.js';

/** The supervisor's view of a handle. */
export interface SupervisedHandle {
  health(): Health;
  isReady(): boolean;
  /** The error of the last mint, if none has succeeded since. */
  failure?(): Error | undefined;
  doorbell(): { readonly words: AtomicWords; readonly index: number };
}

export interface HeldChild {
  readonly kind: Kind<unknown>;
  /** The user's options, with the changes of `update()`: no earlier secret is retained. */
  readonly options: unknown;
  readonly plan: ChildPlan;
  readonly ref: LocalRef;
  readonly handle: SupervisedHandle;
  /** A `startChild` that is not answered yet: only the supervisor thread that was asked starts it. */
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

  /** @param keeperOf the supervisor's operations for the handle of a child of that name. */
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
      ...(validUntilWord !== undefined && { validUntilWord }),
      options: wire,
      owner: `${this.#supervisor}/${name}`,
      memory,
      env: environment,
    };
    const ref = new LocalRef(name, spec.kind.name, memory, this.#keeperOf(name));
    const handle = spec.kind.createHandle(ref) as SupervisedHandle;
    const child: HeldChild = { kind: spec.kind, options: spec.options, plan, ref, handle, starting };
    this.#byName.set(name, child);
    this.handles[name] = handle;
    return child;
  }

  /** Changes the entry of a child, if it is still there: another one may have got its name meanwhile. */
  change({ ref, plan }: HeldChild, change: (child: HeldChild) => Partial<HeldChild>): void {
    const { name } = plan.rules;
    const child = this.#byName.get(name);
    if (child?.ref === ref) this.#byName.set(name, { ...child, ...change(child) });
  }

  /** Removes a child, but not another one that has got its name meanwhile. */
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
