/**
 * Does to a running supervisor, its servers and its stores what can be done to them: draws from a bag of all kinds until it
 * is empty, and again; each is noted as a cause.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Changes, OVERLAP_MS } from './changes.mjs';
import { Death } from './deaths.mjs';
import { bagOf, pick } from './draw.mjs';
import { FRONT_FAULTS, nameOf } from './faults.mjs';
import { bound, machineNowMs, monoMs } from './ground.mjs';
import { Kills } from './kills.mjs';
import { Machine } from './machine.mjs';
import { Outside } from './outside.mjs';

const OVERDUE_MS = 2_500;
const MORE_MS = 25_000;
const HANGS = 'hangs before the headers';
const EXCHANGING_WITHIN_MS = 3_000;

export class Director {
  #stage;
  #kills;
  #outside;
  #changes;
  #machine;

  /** @param {import('./stage.mjs').Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#kills = new Kills(stage);
    this.#outside = new Outside(stage);
    this.#changes = new Changes(stage);
    this.#machine = new Machine(stage);
  }

  /** Every kind, by name. @returns {Record<string, import('./stage.mjs').Action>} */
  actions() {
    return {
      ...this.#kills.actions(),
      'kill: zombie in an update()': () => this.#zombieInRotate(),
      'kill: in a single-use exchange': () => this.#inExchange(),
      ...this.#outside.actions(),
      ...this.#changes.actions(),
      ...this.#machine.actions(),
    };
  }

  /**
   * Draws until then. What has not come to be by the middle of that time is more likely to be drawn; and on a machine that
   * is too busy for all of it there is more time, for nothing else.
   *
   * @param {number} untilMonoMs @param {number} everyMs @param {(name: string, error: unknown) => void} onError
   */
  async direct(untilMonoMs, everyMs, onError) {
    const { causes, random, ground } = this.#stage;
    const actions = this.actions();
    const names = Object.keys(actions);
    const drawn = bagOf(names, random);
    const middleMonoMs = (monoMs() + untilMonoMs) / 2;
    /** @type {Map<string, number>} */
    const lastMonoMs = new Map();
    const missing = () => names.filter((name) => !(name in causes.counts()));
    /** A fault is met when its client asks next. */
    const overdue = () => missing().filter((name) => monoMs() - (lastMonoMs.get(name) ?? -Infinity) > OVERDUE_MS);
    const next = () => {
      const isLate = monoMs() > untilMonoMs;
      const late = monoMs() > middleMonoMs ? overdue() : [];
      if (late.length > 0 && (isLate || random() < 0.8)) return pick(late, random);
      return isLate ? undefined : drawn();
    };
    /** @type {(() => boolean) | undefined} */
    let isTooLate;
    const isOver = () => {
      if (monoMs() <= untilMonoMs) return false;
      isTooLate ??= bound(ground.words, MORE_MS);
      return missing().length === 0 || isTooLate();
    };
    /** @type {Set<Promise<unknown>>} */
    const running = new Set();
    while (!isOver()) {
      const name = next();
      if (name !== undefined) {
        lastMonoMs.set(name, monoMs());
        const doing = Promise.resolve(actions[name]?.()).catch((/** @type {unknown} */ error) => onError(name, error));
        running.add(doing);
        void doing.then(() => running.delete(doing));
      }
      await sleep(everyMs * (0.5 + random()));
    }
    await Promise.all(running);
  }

  /** No fault lasts any longer, and the clocks are right again. */
  relent() {
    return this.#outside.relent();
  }

  /** Looks after what is parked for an exchange of unknown end, as an operator would. */
  operate() {
    return this.#changes.operate();
  }

  /** The server has replaced the refresh token, and nobody is there to hear of it. */
  async #inExchange() {
    const { supervisor, servers, causes, random, ground } = this.#stage;
    const name = pick(['single', 'stored'], random);
    const handle = supervisor.children[name];
    await servers.front.next(/** @type {import('./faults.mjs').Fault} */ (FRONT_FAULTS[HANGS]), 1, { clientId: name });
    const fromMs = machineNowMs();
    void handle.refresh({ timeoutMs: EXCHANGING_WITHIN_MS }).catch(() => undefined);
    const hasActed = async () => {
      const seen = await servers.front.seen();
      return seen.some(({ clientId, acted, fault, atMs }) => {
        return clientId === name && acted && atMs >= fromMs && fault && nameOf(fault) === HANGS;
      });
    };
    for (const isLate = bound(ground.words, EXCHANGING_WITHIN_MS); !(await hasActed());) {
      if (isLate()) return;
      await sleep(50);
    }
    if (!handle.status().exchanging) return;
    await this.#kills.terminate(name);
    causes.count('kill', 'in a single-use exchange');
  }

  /** A thread that can't be ended, in the midst of a change of its options. */
  async #zombieInRotate() {
    const { causes } = this.#stage;
    const name = pick(['rotating', 'overlapping', 'renewed'], this.#stage.random);
    const changing = name === 'renewed' ? this.#changes.authorise('renewed') : this.#changes.update(name, OVERLAP_MS);
    const killed = await this.#kills.order('zombie', Death.zombie, () => name);
    await changing;
    if (killed) causes.count('kill', 'zombie in an update()');
  }
}
