// @ts-check
/** Calls the API with a token, over kept connections, and counts its answers. */
import { Agent, request } from 'node:http';

const MOST_AT_ONCE = 32;

export class ApiCaller {
  #url;
  #measures;
  #agent = new Agent({ keepAlive: true, maxSockets: MOST_AT_ONCE });
  #pending = 0;

  /** @param {string} url @param {import('./measures.js').Measures} measures */
  constructor(url, measures) {
    this.#url = url;
    this.#measures = measures;
  }

  get pending() {
    return this.#pending;
  }

  /** Sends a call, unless too many are under way. @param {string} authorization */
  call(authorization) {
    if (this.#pending >= MOST_AT_ONCE) return;
    this.#pending += 1;
    const call = request(this.#url, { agent: this.#agent, headers: { authorization }, timeout: 5_000 }, (response) => {
      this.#measures.count(response.statusCode === 401 ? 'refused' : 'accepted');
      response.resume();
    });
    call.on('timeout', () => call.destroy());
    // A lost call says nothing about a token.
    call.on('error', () => undefined);
    call.on('close', () => (this.#pending -= 1));
    call.end();
  }

  close() {
    this.#agent.destroy();
  }
}
