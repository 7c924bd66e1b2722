/** Kills of a run's threads: from inside, where a thread obeys an order, and from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { ZOMBIE_MS } from './bounds.mjs';
import { Death, ZOMBIE_PIPE } from './deaths.mjs';
import { pick } from './draw.mjs';
import { bound, monoMs, Word } from './ground.mjs';
import { STORMY } from './children.mjs';
import { supervisorMayDie } from './stage.mjs';

/** At once three deaths of the supervisor thread in a minute are mended; more wait. */
const SUPERVISOR_EVERY_MS = 22_000;
const OBEYED_WITHIN_MS = 1_500;

export class Kills {
  #stage;
  #supervisorAtMs = -Infinity;
  #zombies = Promise.resolve();

  /** @param {import('./stage.mjs').Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  /** @returns {Record<string, import('./stage.mjs').Action>} */
  actions() {
    return {
      ...Object.fromEntries(
        Object.entries(Death).map(([kind, death]) => [`kill: ${kind}`, () => this.order(kind, death)]),
      ),
      'kill: terminate': () => this.terminate(),
      'kill: storm': () => this.#storm(),
      'kill: supervisor': () => this.#killSupervisor(),
    };
  }

  /** @param {string} name */
  #indexOf(name) {
    return this.#stage.children.names.indexOf(name) + 1;
  }

  /** @param {string} name */
  #isUp(name) {
    return !['parked', 'starting', 'restarting', 'stopping', 'stopped', 'zombie'].includes(this.#stateOf(name));
  }

  /** @param {string} name @returns {string} */
  #stateOf(name) {
    return this.#stage.supervisor.children[name].status().state;
  }

  #anyChild() {
    return pick(this.#stage.children.names, this.#stage.random);
  }

  /** Has a child die by itself; another one, if that one has no thread to do so. @param {string} kind @param {number} death */
  async order(kind, death, ofWhom = () => this.#anyChild()) {
    for (let tries = 0; tries < 5; tries += 1) {
      const name = ofWhom();
      if (this.#isUp(name) && (await this.#orderOne(kind, death, name))) return name;
      await sleep(50);
    }
    return undefined;
  }

  /** @param {string} kind @param {number} death @param {string} name @returns {Promise<boolean>} */
  async #orderOne(kind, death, name) {
    if (death !== Death.zombie) return this.#command(kind, death, name);
    // One after the other: each zombie has a pipe of its own, and opens the last one.
    const turn = this.#zombies;
    let done = () => {};
    this.#zombies = new Promise((resolve) => (done = () => resolve()));
    await turn;
    const { outsider, ground } = this.#stage;
    try {
      await outsider.makePipe(path.join(ground.folder, ZOMBIE_PIPE));
      const isObeyed = await this.#command(kind, death, name);
      void outsider.release(isObeyed ? ZOMBIE_MS : 0);
      return isObeyed;
    } finally {
      done();
    }
  }

  /** Whether the order was obeyed. @param {string} kind @param {number} death @param {string} name */
  async #command(kind, death, name) {
    const { ground, causes } = this.#stage;
    const { words } = ground;
    const word = Word.ORDERS + this.#indexOf(name);
    if (Atomics.load(words, word) !== 0) return false;
    const cause = causes.begin('kill', kind, name);
    Atomics.store(words, word, death);
    const isLate = bound(words, OBEYED_WITHIN_MS);
    while (Atomics.load(words, word) === death && !isLate()) await sleep(5);
    // Negative: obeyed. 0: dropped by a successor, for whom it was not meant. Else it is taken back.
    const isObeyed = Atomics.exchange(words, word, 0) === -death;
    if (isObeyed) causes.end(cause);
    else causes.drop(cause);
    return isObeyed;
  }

  async terminate(name = this.#anyChild()) {
    const { supervisor, causes } = this.#stage;
    const cause = causes.begin('kill', 'terminate', name);
    await supervisorMayDie(killChildThread(supervisor, name));
    causes.end(cause);
  }

  /** Again and again, past its intensity: it is parked for that. */
  async #storm() {
    const { causes } = this.#stage;
    const name = STORMY;
    const cause = causes.begin('kill', 'storm', name);
    for (let deaths = 0; deaths < 12 && !this.#isParked(name); deaths += 1) {
      if (this.#isUp(name)) await this.terminate(name);
      await sleep(60);
    }
    if (this.#isParked(name)) causes.end(cause);
    else cause.toMonoMs = monoMs();
  }

  /** @param {string} name */
  #isParked(name) {
    const { parked } = this.#stage.supervisor.children[name].status();
    return this.#stage.children.facts.has(name)
      ? parked?.why === 'restart_intensity'
      : this.#stateOf(name) === 'parked';
  }

  async #killSupervisor() {
    const { supervisor, causes, ground, random, long } = this.#stage;
    if (monoMs() - this.#supervisorAtMs < SUPERVISOR_EVERY_MS) return;
    this.#supervisorAtMs = monoMs();
    const kinds = /** @type {const} */ (['terminate', 'throw', 'exit', ...(long ? ['loop'] : [])]);
    const kind = pick(kinds, random);
    const cause = causes.begin('kill', 'supervisor', '*');
    cause.how = kind;
    const back = new Promise((resolve) => supervisor.once('supervisor:restarted', resolve));
    if (kind === 'terminate') await killSupervisorThread(supervisor);
    else Atomics.store(ground.words, Word.ORDERS, /** @type {any} */ (Death)[kind]);
    await back;
    causes.end(cause);
    causes.count('supervisor', kind);
  }
}
