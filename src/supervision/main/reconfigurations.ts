/**
 * New options for running children: checked on the starting thread, accepted or refused by the actor, and kept for
 * every restart.
 */
import { fromWireError, type WireError } from '../../core/wire-error.js';
import { TokenvisorError } from '../../core/errors.js';
import { OneByOne } from '../../core/one-by-one.js';
import { decodeOptions, referencedTokens, repointed, type WireOptions } from '../../secrets/reference-tree.js';
import type { ChildTable, HeldChild } from './child-table.js';
import { checkAll, encodePrepared, isCredential, refuseCircle } from './options.js';

/** Passes options to a child's actor; resolves with its refusal. Rejects if the supervisor thread dies during it. */
export type Reconfigure = (name: string, options: WireOptions) => Promise<WireError | undefined>;

export class Reconfigurations {
  readonly #children: ChildTable;
  readonly #reconfigure: Reconfigure;
  /** Each change applies to the result of the previous one. */
  readonly #oneByOne = new OneByOne();

  constructor(children: ChildTable, reconfigure: Reconfigure) {
    this.#children = children;
    this.#reconfigure = reconfigure;
  }

  /** What the user wants changed. */
  update(name: string, change: unknown, how: unknown): Promise<void> {
    return this.#oneByOne.run(name, () => this.#update(name, change, how));
  }

  /** Updates the children that refer to the token of a former child of that name. */
  async repoint({ plan: { rules, memory }, kind }: HeldChild): Promise<void> {
    // Other kinds of children do not publish tokens.
    if (!isCredential(kind)) return;
    const referring = this.#children.all
      .filter(({ plan }) => referencedTokens(plan.options).includes(rules.name))
      .map(({ plan }) => plan.rules.name);
    await Promise.all(
      referring.map((name) => this.#oneByOne.run(name, () => this.#repoint(name, rules.name, memory.shared))),
    );
  }

  async #update(name: string, change: unknown, how: unknown): Promise<void> {
    const child = this.#children.get(name);
    const { plan, kind } = child;
    const update = kind.update?.bind(kind);
    if (!update) {
      throw new TokenvisorError('CONFIG_INVALID', `A child of kind '${kind.name}' has no options that can be changed`, {
        child: name,
      });
    }
    const { options, wire } = checkAll((report) => {
      const request = { current: child.options, change, how, running: decodeOptions(plan.options) };
      const updated = update(request, name, report);
      if (plan.rules.fenceable && !updated.prepared.fenceable) {
        report(name, 'options that keep its refresh token where they did', 'a file store: start another child with it');
      }
      const encoded = encodePrepared(updated.prepared, name, report, (of) => this.#children.tokenMemory(of));
      refuseCircle(name, [{ name, wire: encoded.wire }, ...this.#children.referring], report);
      return { options: updated.options, ...encoded };
    }, name);
    const refusal = await this.#reconfigure(name, wire);
    if (refusal) throw fromWireError(refusal);
    this.#children.change(child, (held) => ({ options, plan: { ...held.plan, options: wire } }));
  }

  async #repoint(name: string, source: string, memory: SharedArrayBuffer): Promise<void> {
    const child = this.#children.find(name);
    if (!child) return;
    const options = repointed(child.plan.options, source, memory);
    this.#children.change(child, ({ plan }) => ({ plan: { ...plan, options } }));
    // If it or the supervisor thread dies during this, the actor is started with the options kept here.
    await this.#reconfigure(name, options).catch(() => undefined);
  }
}
