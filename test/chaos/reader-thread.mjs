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
 * @typedef {{ name: string, generation: number, fromMonoMs: number, toMonoMs: number, byMs: number }} Late a token was
 *   handed out past its time
 * @typedef {{ what: 'torn' | 'backwards' | 'read', name: string, atMonoMs: number, detail: string }} Wrong
 * @typedef {{ reads: number, tokens: number, gots: number, gaps: Gap[], lates: Late[], wrongs: Wrong[],
 *   rejections: string[] }} Seen
 */

/** @type {{ handles: import('tokenvisor').TransferableHandle<'credential'>[], ground: import('./ground.mjs').Ground,
 *   clientIds: Record<string, string>, issuers: import('./tokens.mjs').Issuer[], notesGaps: boolean }} */
const { handles, ground, clientIds, issuers, notesGaps } = workerData;
const { words } = ground;
takeClock(words);
const read = tokenReader(issuers);

const PASS_MS = 2;
const READS_A_PASS = 10;
const GET_EVERY_MS = 400;
/** Reads that are further apart are not of the same time. */
const SAME_MS = 250;

/** @type {Seen} */
const seen = { reads: 0, tokens: 0, gots: 0, gaps: [], lates: [], wrongs: [], rejections: [] };
process.on('unhandledRejection', (error) => seen.rejections.push(String(error)));

/** @param {Wrong['what']} what @param {string} name @param {string} detail */
const wrong = (what, name, detail) => {
  // Enough to see what it is.
  if (seen.wrongs.length < 100) seen.wrongs.push({ what, name, atMonoMs: monoMs(), detail });
};

const watched = handles.map((handle) => ({
  reader: attach(handle),
  name: handle.name,
  /** @type {import('tokenvisor').Token | undefined} */
  last: undefined,
  goodUntilMs: Infinity,
  /** @type {Gap | undefined} */
  gap: undefined,
  /** @type {Late | undefined} */
  late: undefined,
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
  const byMs = beforeMs - one.goodUntilMs;
  if (byMs <= 0) return;
  const toMonoMs = monoMs();
  if (one.late?.generation === token.generation && toMonoMs - one.late.toMonoMs < SAME_MS) {
    Object.assign(one.late, { toMonoMs, byMs });
    return;
  }
  endLate(one);
  one.late = { name, generation: token.generation, fromMonoMs: toMonoMs, toMonoMs, byMs };
};

/** @param {(typeof watched)[number]} one */
const endLate = (one) => {
  if (one.late) seen.lates.push(one.late);
  one.late = undefined;
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
  Object.assign(seen, { reads: 0, tokens: 0, gots: 0, gaps: [], lates: [], wrongs: [], rejections: [] });
};

const pass = () => {
  if (Atomics.load(words, Word.STOP) === 1) {
    for (const { gap } of watched) if (gap) seen.gaps.push({ ...gap, toMonoMs: monoMs() });
    for (const one of watched) endLate(one);
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
Atomics.add(words, Word.UP, 1);
