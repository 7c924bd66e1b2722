/** What its users do to a supervisor meanwhile: new secrets, tokens refused, refresh tokens authorised anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pick } from './draw.mjs';
import { machineNowMs } from './ground.mjs';
import { secretOf } from './servers.mjs';
import { Alone, credentialsOf, isDeath, supervisorMayDie, untilTaken } from './stage.mjs';

export const OVERLAP_MS = 2_500;

export class Changes {
  #stage;
  #alone = new Alone();

  /** @param {import('./stage.mjs').Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  /** @returns {Record<string, import('./stage.mjs').Action>} */
  actions() {
    return {
      'change: update() with an overlap': () => this.update('overlapping', OVERLAP_MS),
      'change: update()': () => this.update('rotating', 0),
      'change: invalidate()': () => this.#invalidate(),
      'change: break-glass': () => this.#glass(),
    };
  }

  /** The server learns the new secret first. @param {string} name @param {number} overlapMs */
  async update(name, overlapMs) {
    const { supervisor, servers, children, causes } = this.#stage;
    await this.#alone.run(name, async () => {
      const secret = `${secretOf(name)}-${machineNowMs()}`;
      const cause = causes.begin('change', overlapMs > 0 ? 'update() with an overlap' : 'update()', name);
      if (overlapMs === 0) await servers.server.setSecret(name, secret);
      const change = children.withSecret(name, secret);
      // One that dies over it may have taken it or not, so it is said again until it has: the server knows no other secret.
      await untilTaken(() => supervisor.children[name].update(change, { overlapMs }));
      if (overlapMs > 0) {
        await sleep(overlapMs / 3);
        await servers.server.setSecret(name, secret);
      }
      causes.end(cause);
    });
  }

  /** What a person does for a credential whose refresh token may be spent. @param {'single' | 'stored' | 'renewed'} name */
  async authorise(name) {
    const { supervisor, children, causes } = this.#stage;
    await this.#alone.run(name, async () => {
      const cause = causes.begin('change', 'authorised anew', name);
      try {
        await supervisorMayDie(supervisor.children[name].update(await children.authorisedAnew(name)));
      } finally {
        causes.end(cause);
      }
    });
  }

  /** Looks after what is parked for an exchange of unknown end, as an operator would. */
  async operate() {
    const { supervisor } = this.#stage;
    for (const name of /** @type {const} */ (['single', 'stored', 'renewed'])) {
      if (supervisor.children[name].status().parked?.why !== undefined) await this.authorise(name);
    }
  }

  async #invalidate() {
    const { supervisor, causes, random } = this.#stage;
    const name = pick(
      credentialsOf(this.#stage, () => true),
      random,
    );
    const handle = supervisor.children[name];
    const token = handle.last();
    if (!token) return;
    const cause = causes.begin('change', 'invalidate()', name);
    await handle.invalidate(token, { timeoutMs: 2_000 }).catch(() => undefined);
    causes.end(cause);
  }

  /** A token that was replaced matches never again. */
  async #glass() {
    const { supervisor, causes } = this.#stage;
    const { glass } = supervisor.children;
    const cause = causes.begin('change', 'break-glass', 'glass');
    try {
      const [first, second] = [await glass.buildAndStore(), await glass.buildAndStore()];
      if (glass.lookup(first.token)) throw new Error('a break-glass token that was replaced still matches');
      if (await glass.delete(second.token)) {
        if (glass.lookup(second.token)) throw new Error('a break-glass token that was deleted still matches');
      }
    } catch (error) {
      if (!isDeath(error)) throw error;
    }
    causes.end(cause);
  }
}
