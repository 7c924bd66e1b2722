// @ts-check
/** The load, the same for all contenders and in all threads: requests come in, and each needs a token. */
import { ApiCaller } from './api-caller.js';
import { CREDENTIALS } from './parameters.js';
import { until } from './signals.js';

const TICK_MS = 2;
/** Requests per tick and credential. */
const REQUESTS = 4;
/** So many ticks to one call of the API. */
const TICKS_PER_CALL = 10;
/** What is still under way at the end is waited for, but not for ever. */
const LAST_MS = 5_000;

/**
 * @typedef {object} TakenToken
 * @property {string} value
 * @property {string} authorization
 * @property {number} [expiresAtMs] what its holder believes
 *
 * @typedef {object} TokenSource how a thread comes by its tokens
 * @property {(credential: import('./parameters.js').CredentialName) => TakenToken | Promise<TakenToken>} take throws, or rejects, if none is to be had
 */

/** @type {WeakMap<TakenToken, number>} */
const expiries = new WeakMap();

/** When a token really ends: what is in the JWT, or what its holder says if that is sooner. @param {TakenToken} token */
const expiryOf = (token) => {
  const known = expiries.get(token);
  if (known !== undefined) return known;
  const { exp } = JSON.parse(Buffer.from(token.value.split('.')[1] ?? '', 'base64url').toString());
  const expiresAtMs = Math.min(exp * 1_000, token.expiresAtMs ?? Infinity);
  expiries.set(token, expiresAtMs);
  return expiresAtMs;
};

/**
 * Takes tokens until the load is over, then resolves.
 *
 * @param {object} load
 * @param {TokenSource} load.source
 * @param {import('./measures.js').Measures} load.measures
 * @param {import('./signals.js').Signals} load.signals
 * @param {string} load.api
 */
export const readTokens = async ({ source, measures, signals, api }) => {
  const caller = new ApiCaller(api, measures);
  let waiting = 0;

  /** @param {TakenToken} token @param {number} startedMs @param {boolean} sends */
  const handedOut = (token, startedMs, sends) => {
    measures.waited(performance.now() - startedMs);
    measures.count('handedOut');
    if (Date.now() >= expiryOf(token)) measures.count('expired');
    if (sends) caller.call(token.authorization);
  };

  /** @param {number} startedMs */
  const refused = (startedMs) => {
    measures.waited(performance.now() - startedMs);
    measures.count('unavailable');
  };

  /** @param {import('./parameters.js').CredentialName} credential @param {boolean} sends */
  const request = (credential, sends) => {
    const startedMs = performance.now();
    try {
      const taken = source.take(credential);
      if (!(taken instanceof Promise)) return handedOut(taken, startedMs, sends);
      waiting += 1;
      taken
        .then(
          (token) => handedOut(token, startedMs, sends),
          () => refused(startedMs),
        )
        .finally(() => (waiting -= 1));
    } catch {
      refused(startedMs);
    }
  };

  await until(() => signals.started, 1);
  let tick = 0;
  const timer = setInterval(() => {
    tick += 1;
    const called = tick % TICKS_PER_CALL === 0 ? CREDENTIALS[(tick / TICKS_PER_CALL) % CREDENTIALS.length] : undefined;
    for (const credential of CREDENTIALS) {
      for (let nth = 0; nth < REQUESTS; nth += 1) request(credential, nth === 0 && credential === called);
    }
  }, TICK_MS);
  await until(() => signals.over);
  clearInterval(timer);
  const lastMs = performance.now() + LAST_MS;
  await until(() => (waiting === 0 && caller.pending === 0) || performance.now() > lastMs);
  caller.close();
};
