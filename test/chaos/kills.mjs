/** Kills of a run's threads: from inside, where a thread obeys an order, and from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { Death } from './deaths.mjs';
import { pick } from './draw.mjs';
import { monoMs, Word } from './ground.mjs';
import { STORMY } from './children.mjs';
import { supervisorMayDie } from './stage.mjs';

/** At once three deaths of the supervisor thread in a minute are mended; more wait. */
const SUPERVISOR_EVERY_MS = 22_000;
const OBEYED_WITHIN_MS = 1_500;

export class Kills {
  #stage;
  #supervisorAtMs = -Infinity;
  #orders = Promise.resolve();

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
    return !['parked', 'restarting', 'stopping', 'stopped', 'zombie'].includes(this.#stateOf(name));
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
    const { ground, causes } = this.#stage;
    const [word, obeyed] = [Word.ORDERS + this.#indexOf(name), Word.OBEYED + death];
    // One after the other, so that what was obeyed is this one.
    const turn = this.#orders;
    let done = () => {};
    this.#orders = new Promise((resolve) => (done = () => resolve()));
    await turn;
    try {
      const before = Atomics.load(ground.words, obeyed);
      const cause = causes.begin('kill', kind, name);
      Atomics.store(ground.words, word, death);
      for (const endMs = monoMs() + OBEYED_WITHIN_MS; monoMs() < endMs;) {
        if (Atomics.load(ground.words, obeyed) > before) {
          causes.end(cause);
          return true;
        }
        await sleep(5);
      }
      if (Atomics.exchange(ground.words, word, 0) === 0) {
        causes.end(cause);
        return true;
      }
      causes.all.splice(causes.all.indexOf(cause), 1);
      return false;
    } finally {
      done();
    }
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
