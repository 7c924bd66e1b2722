/**
 * A thread that reads all credentials all the time, and looks at each token: is it whole, is it this credential's, is it
 * still good, is it none older than the last. It judges by the machine's clock, and reads by the run's.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';
import { machineNowMs, monoMs, takeClock, Word } from './ground.mjs';
import { tokenReader } from './tokens.mjs';

/**
 * @typedef {{ name: string, fromMonoMs: number, toMonoMs: number, code: string, state: string }} Gap no token was to be had
 * @typedef {{ what: 'expired' | 'torn' | 'backwards' | 'read', name: string, atMonoMs: number, detail: string }} Wrong
 * @typedef {{ reads: number, tokens: number, gots: number, excepted: number, gaps: Gap[], wrongs: Wrong[],
 *   rejections: string[] }} Seen
 */

/** @type {{ handles: import('tokenvisor').TransferableHandle<'credential'>[], ground: import('./ground.mjs').Ground,
 *   clientIds: Record<string, string>, issuers: import('./tokens.mjs').Issuer[], notesGaps: boolean }} */
const { handles, ground, clientIds, issuers, notesGaps } = workerData;
const { words, baseMonoMs } = ground;
takeClock(words);
const read = tokenReader(issuers);

/**
 * After a step of the clock a token may be handed out that is past its time, for a second: that is documented. What a
 * busy machine adds to a second is not told from more than that.
 */
const EXCEPTION_MS = 1_000 + 500;

const PASS_MS = 2;
const READS_A_PASS = 10;
const GET_EVERY_MS = 400;

/** @type {Seen} */
const seen = { reads: 0, tokens: 0, gots: 0, excepted: 0, gaps: [], wrongs: [], rejections: [] };
process.on('unhandledRejection', (error) => seen.rejections.push(String(error)));

/**
 * Counted once for what is the same: a token that is read again is not another one.
 *
 * @param {Wrong['what']} what @param {string} name @param {string} detail @param {number} [generation]
 */
const wrong = (what, name, detail, generation = 0) => {
  const same = `${what} ${name} ${generation || detail}`;
  if (told.has(same)) return;
  told.add(same);
  seen.wrongs.push({ what, name, atMonoMs: monoMs(), detail });
};
/** @type {Set<string>} */
const told = new Set();

const watched = handles.map((handle) => ({
  reader: attach(handle),
  name: handle.name,
  /** @type {import('tokenvisor').Token | undefined} */
  last: undefined,
  goodUntilMs: Infinity,
  /** @type {Gap | undefined} */
  gap: undefined,
  getsAtMs: 0,
}));

/** @param {(typeof watched)[number]} one @param {import('tokenvisor').Token} token @param {number} beforeMs */
const judge = (one, token, beforeMs) => {
  const { last, name } = one;
  if (token !== last) {
    seen.tokens += 1;
    if (last && token.generation < last.generation) {
      wrong('backwards', name, `generation ${token.generation} after ${last.generation}`);
    }
    if (last?.generation === token.generation && last.value !== token.value) {
      wrong('torn', name, `two tokens of generation ${token.generation}`);
    }
    one.last = token;
    try {
      const { clientId, goodUntilMs } = read(token);
      if (clientId !== clientIds[name]) wrong('torn', name, `a token of ${clientId}`);
      one.goodUntilMs = goodUntilMs;
    } catch (error) {
      wrong('torn', name, String(error));
    }
  }
  if (beforeMs <= one.goodUntilMs) return;
  const sinceStepMs = monoMs() - baseMonoMs - Atomics.load(words, Word.STEPPED_AT_MS);
  if (sinceStepMs < EXCEPTION_MS) seen.excepted += 1;
  else {
    const byMs = Math.round(beforeMs - one.goodUntilMs);
    const { generation, issuedAtMs } = token;
    const since = `${Math.round(sinceStepMs)} ms after a step, ${Math.round(one.goodUntilMs - issuedAtMs)} ms after its issue`;
    wrong('expired', name, `by ${byMs} ms, generation ${generation}, ${since}`, generation);
  }
};

/** @param {(typeof watched)[number]} one */
const look = (one) => {
  // Before the read: a thread that is kept from running after it has read has not been handed an expired token.
  const beforeMs = machineNowMs();
  try {
    const token = one.reader.current();
    seen.reads += 1;
    judge(one, token, beforeMs);
    if (one.gap) seen.gaps.push({ ...one.gap, toMonoMs: monoMs() });
    one.gap = undefined;
  } catch (error) {
    const code = /** @type {{ code?: string }} */ (error).code ?? String(error);
    if (!['TOKEN_EXPIRED', 'TOKEN_NOT_READY', 'PARKED'].includes(code)) wrong('read', one.name, String(error));
    if (!notesGaps || one.gap) return;
    const { state } = one.reader.status();
    one.gap = { name: one.name, fromMonoMs: monoMs(), toMonoMs: Infinity, code, state };
  }
};

/** @param {(typeof watched)[number]} one */
const get = async (one) => {
  const beforeMs = machineNowMs();
  try {
    const token = await one.reader.get({ timeoutMs: 2_000 });
    seen.gots += 1;
    // Asked for later than it was read, by current(), it may be an older one.
    if (!one.last || token.generation >= one.last.generation) judge(one, token, beforeMs);
  } catch (error) {
    const { code } = /** @type {{ code?: string }} */ (error);
    if (!['TIMEOUT', 'PARKED'].includes(code ?? '')) wrong('read', one.name, `get(): ${String(error)}`);
  }
};

/** What has been seen since the last time that it was asked for. */
const tell = () => {
  parentPort?.postMessage({ ...seen });
  Object.assign(seen, { reads: 0, tokens: 0, gots: 0, excepted: 0, gaps: [], wrongs: [], rejections: [] });
};

const pass = () => {
  if (Atomics.load(words, Word.STOP) === 1) {
    for (const { gap } of watched) if (gap) seen.gaps.push(gap);
    tell();
    parentPort?.close();
    clearInterval(telling);
    return;
  }
  const nowMs = monoMs();
  for (const one of watched) {
    for (let reads = 0; reads < READS_A_PASS; reads += 1) look(one);
    if (nowMs < one.getsAtMs) continue;
    one.getsAtMs = nowMs + GET_EVERY_MS;
    void get(one);
  }
  setTimeout(pass, PASS_MS);
};
const telling = setInterval(tell, 1_000);
pass();
