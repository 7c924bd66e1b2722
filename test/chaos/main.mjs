/**
 * A run of chaos, in a process of its own: `node --expose-gc main.mjs SECONDS SEED FOLDER`. See test/run/chaos.mjs.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { Causes } from './causes.mjs';
import { PARK_MS, ZOMBIE_AFTER_MS } from './bounds.mjs';
import { makeChildren } from './children.mjs';
import { Director } from './director.mjs';
import { EVENTS_FILE, keepEvidence, TURNS_FOLDER } from './evidence.mjs';
import { mulberry32 } from '../support/mulberry32.mjs';
import { nameOf } from './faults.mjs';
import { bound, machineNowMs, makeGround, monoMs, takeClock, Word } from './ground.mjs';
import { expired, unexplained } from './judge.mjs';
import { Lived } from './lived.mjs';
import { held, memory, memoryProblems, more } from './leaks.mjs';
import { startOutsider } from './machine.mjs';
import { recordedIn, replay } from './replay.mjs';
import { startServers } from './servers.mjs';

const [seconds = NaN, seed = NaN] = process.argv.slice(2, 4).map(Number);
const folder = process.argv[4] ?? '';
if (Number.isNaN(seconds + seed) || folder === '') throw new Error('Expected SECONDS SEED FOLDER');

/** At the end all faults stop, and each credential has a fresh token within this. */
const SETTLE_MS = 8_000;
const CLOSED_MS = 3_000;
const UP_MS = 10_000;
/** A short run has to come to every kind; a long one is to leave the machine time for what is not chaos. */
const ACTION_EVERY_MS = seconds > 60 ? 600 : 200;

const startedMonoMs = monoMs();
const say = (/** @type {string} */ line) =>
  void process.stdout.write(`${((monoMs() - startedMonoMs) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);

/** @type {string[]} */
const rejections = [];
process.on('unhandledRejection', (error) => rejections.push(`main: ${inspect(error)}`));
/** @type {string[]} */
const warnings = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));

const turns = path.join(folder, TURNS_FOLDER);
mkdirSync(turns);
const ground = makeGround(turns);
const { words } = ground;
const random = mulberry32(seed);
const causes = new Causes();

/** The supervisor's thread has the run's clock too, and dies on demand: its entry stands where a bundler could put it. */
const makeEntry = () => {
  const dist = path.dirname(createRequire(import.meta.url).resolve('tokenvisor'));
  for (const [name, before] of [
    [
      'runtime/supervisor-entry.cjs',
      `const { findGround, takeClock } = require(${JSON.stringify(path.join(import.meta.dirname, 'ground.mjs'))});
const { obeyOrders } = require(${JSON.stringify(path.join(import.meta.dirname, 'deaths.mjs'))});
takeClock(findGround().words);
obeyOrders(findGround().words, 0);`,
    ],
    ['runtime/actor-entry.cjs', ''],
  ]) {
    const file = path.join(folder, 'dist', name ?? '');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${before}\nmodule.exports = require(${JSON.stringify(path.join(dist, name ?? ''))});\n`);
  }
  return pathToFileURL(path.join(folder, 'dist/runtime/supervisor-entry.cjs'));
};

/** What a process has once it has done anything: so that it is there before the count. */
const warmUp = async () => {
  await Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)));
  await lookup('localhost');
  const worker = new Worker('', { eval: true });
  await new Promise((resolve) => worker.once('exit', resolve));
};

/** @param {string} file @param {object} workerData @param {any[]} [transferList] */
const thread = (file, workerData, transferList = []) => {
  const worker = new Worker(new URL(file, import.meta.url), { workerData, transferList, execArgv: [] });
  worker.on('error', (error) => rejections.push(`${file}: ${inspect(error)}`));
  return { worker, exit: new Promise((resolve) => worker.once('exit', resolve)) };
};

const servers = await startServers();
const outsider = await startOutsider();
if (outsider.refusal !== undefined) say(`no quota of the processors is drawn: ${outsider.refusal}`);
const issuers = await servers.issuers();
const children = await makeChildren(folder, servers);
await warmUp();
const heldBefore = held();
say(`seed ${seed}: servers are up; starting ${Object.keys(children.specs).length} children`);

takeClock(words);
const supervisor = await startSupervisor(children.specs, {
  ...{ zombieAfterMs: ZOMBIE_AFTER_MS, parkMs: PARK_MS, parkMaxMs: 2 * PARK_MS, startConcurrency: 6 },
  workerUrl: makeEntry(),
  ref: true,
});
/** @type {Pick<import('./case.mjs').Evidence, 'exits' | 'zombies' | 'parks'>} */
const ends = { exits: [], zombies: [], parks: [] };
/** @type {string[]} */
const errors = [];
const counted = /** @type {Record<string, number>} */ ({});
const isOver = { now: false };
supervisor.on('event', (event) => {
  const { type, name = '' } = /** @type {{ type: string, name?: string }} */ (event);
  const atMonoMs = monoMs();
  appendFileSync(path.join(folder, EVENTS_FILE), `${JSON.stringify({ atMonoMs, ...event })}\n`);
  counted[type] = (counted[type] ?? 0) + 1;
  if (event.type === 'error') errors.push(inspect(event));
  if (isOver.now) return;
  if (event.type === 'child:exited') ends.exits.push({ name, reason: event.reason, atMonoMs });
  if (event.type === 'child:zombie') ends.zombies.push({ name, atMonoMs });
  if (event.type === 'child:parked' && event.why === 'restart_intensity') ends.parks.push({ name, atMonoMs });
});
const credentials = [...children.facts.keys()];
const handles = /** @type {Record<string, any>} */ (supervisor.children);
await supervisor.ready();
await Promise.all(credentials.map((name) => handles[name].get({ timeoutMs: 20_000 })));

const clientIds = Object.fromEntries([...children.facts].map(([name, { clientId }]) => [name, clientId]));
const writers = await Promise.all(
  ['revoked-memory', 'revoked-lmdb', 'revoked-postgres', 'sessions'].map((name) => handles[name].writer()),
);
/** @type {import('./reader-thread.mjs').Seen} */
const seen = { reads: 0, tokens: 0, gots: 0, gaps: [], lates: [], wrongs: [], rejections: [] };
const readers = [true, false].map((notesGaps) => {
  const reader = thread('reader-thread.mjs', {
    ...{ ground, clientIds, issuers, notesGaps },
    handles: credentials.map((name) => handles[name].handle()),
  });
  reader.worker.on('message', (/** @type {import('./reader-thread.mjs').Seen} */ told) => {
    for (const what of /** @type {const} */ (['reads', 'tokens', 'gots'])) seen[what] += told[what];
    seen.gaps.push(...told.gaps);
    seen.lates.push(...told.lates);
    seen.wrongs.push(...told.wrongs);
    seen.rejections.push(...told.rejections);
  });
  return reader;
});
const writing = thread(
  'writer-thread.mjs',
  { ground, writers },
  writers.map(({ port }) => port),
);
/** @type {{ all: import('./writer-thread.mjs').Written[], rejections: string[] } | undefined} */
let written;
writing.worker.on('message', (told) => (written = told));

/** @type {import('./lived.mjs').Sample[]} */
const samples = [];
const probing = thread('probe-thread.mjs', {
  ...{ ground, ca: servers.ca },
  urls: [servers.server.jwksUrl, servers.other.jwksUrl],
});
probing.worker.on('message', (told) => samples.push(...told));

/** @param {() => boolean} check @param {number} boundMs of time that the machine gives */
const within = async (check, boundMs) => {
  for (const isLate = bound(words, boundMs); !check();) {
    if (isLate()) return false;
    await sleep(25);
  }
  return true;
};
// What happened before would be seen by none of them.
const areUp = () => Atomics.load(words, Word.UP) === readers.length + 2;
if (!(await within(areUp, UP_MS))) throw new Error("Expected the run's own threads to be up");
const readyMonoMs = monoMs();
say('all are ready');

// The main thread is busy: it turns now and then.
let spinning = true;
const spin = async () => {
  while (spinning) {
    for (const endMs = monoMs() + 50 + 250 * random(); monoMs() < endMs;);
    await sleep(150 + 250 * random());
  }
};
const spun = spin();

const director = new Director({
  ...{ supervisor, servers, outsider, children, ground, causes, random, folder },
  long: seconds >= 240,
});
/** @type {import('./case.mjs').SeenFault[]} */
const faults = [];
let lastSeenMs = 0;
const wallToMono = monoMs() - machineNowMs();
const gatherFaults = async () => {
  const list = await servers.front.seen();
  for (const { atMs, clientId, fault } of list) {
    if (atMs <= lastSeenMs || !fault) continue;
    const kind = nameOf(fault);
    causes.count('server', kind);
    faults.push({ clientId, kind, atMonoMs: atMs + wallToMono });
  }
  lastSeenMs = list.at(-1)?.atMs ?? lastSeenMs;
};
/** @type {import('./leaks.mjs').Memory[]} */
const sampled = [];
const memoryFromMonoMs = monoMs() + 5_000;
const looking = setInterval(() => {
  if (monoMs() > memoryFromMonoMs) sampled.push({ atMin: (monoMs() - startedMonoMs) / 60_000, ...memory() });
}, 2_500);
const watching = setInterval(() => void gatherFaults(), 1_000);
const operating = setInterval(
  () => void director.operate().catch((/** @type {unknown} */ error) => errors.push(`operator: ${inspect(error)}`)),
  300,
);

await director.direct(readyMonoMs + seconds * 1_000 - SETTLE_MS, ACTION_EVERY_MS, (name, error) =>
  errors.push(`${name}: ${inspect(error)}`),
);
await director.relent();
say('all faults are over');

const relentedMonoMs = monoMs();
const generations = new Map(credentials.map((name) => [name, handles[name].last()?.generation ?? 0]));
const settled = await Promise.all(
  credentials.map(async (name) => {
    const { nextAttemptAtMs = 0, refreshAtMs = 0, state } = handles[name].status();
    // What is planned already: a back-off, or the refresh of a token that is good.
    const planned = Math.max(nextAttemptAtMs, state === 'fresh' ? refreshAtMs : 0) - Date.now();
    const boundMs = Math.max(SETTLE_MS, planned + 4_000);
    const isFresh = () =>
      handles[name].status().state === 'fresh' &&
      (handles[name].last()?.generation ?? 0) > (generations.get(name) ?? 0);
    if (await within(isFresh, boundMs)) return { name, ms: monoMs() - relentedMonoMs };
    return {
      name,
      problem: `${name}: no fresh token ${Math.round(boundMs)} ms after the last fault: ${inspect(handles[name].status())}`,
    };
  }),
);
const late = settled.flatMap(({ problem }) => problem ?? []);
for (const name of children.others) {
  const isUp = () => {
    const status = handles[name].status();
    return status.state === 'running' && status.open !== false;
  };
  if (!(await within(isUp, SETTLE_MS))) late.push(`${name}: not back: ${inspect(handles[name].status())}`);
}
say(`settled within ${Math.max(...settled.map(({ ms }) => ms ?? 0)).toFixed(0)} ms`);

Atomics.store(words, Word.STOP, 1);
spinning = false;
clearInterval(looking);
clearInterval(operating);
await Promise.all([spun, writing.exit, probing.exit, ...readers.map(({ exit }) => exit)]);
const statuses = Object.fromEntries(Object.entries(handles).map(([name, handle]) => [name, handle.status()]));
await gatherFaults();
clearInterval(watching);

/**
 * What was acknowledged and is not there. A ledger that a busy machine keeps from its store is closed for a moment, and answers
 * that all are revoked: it has the time to settle once more.
 *
 * @param {Record<string, any>} targets @param {string[]} names
 */
const lostIn = async (targets, names) => {
  for (const name of names) {
    const target = targets[name];
    if (target?.isJtiRevoked) await within(() => !target.isJtiRevoked('never revoked'), SETTLE_MS);
  }
  return (written?.all ?? []).flatMap(({ name, written: count, unknown, lost: unseen }) => {
    const target = targets[name];
    if (!names.includes(name) || target === undefined) return [];
    const lost = [...unseen];
    const skip = new Set(unknown);
    const isThere = (/** @type {number} */ at) =>
      target.isJtiRevoked ? target.isJtiRevoked(`j-${at}`) : target.exists(`t-${at}`) === (at % 3 !== 0);
    const gone = Array.from({ length: count }, (_, at) => at).filter((at) => !skip.has(at) && !isThere(at));
    // A ledger that is closed says that all are revoked.
    if (target.isJtiRevoked?.('never revoked')) lost.push('it does not know what is revoked');
    return [...lost, ...gone.map((at) => `${at} is gone`)].map((what) => `${name}: ${what}`);
  });
};
const lost = await lostIn(handles, ['revoked-memory', 'revoked-lmdb', 'revoked-postgres', 'sessions']);
const stats = await Promise.all([servers.server.stats(), servers.other.stats()]);
const revoked = stats.reduce((sum, { reuses, revokedGrants }) => sum + reuses + revokedGrants, 0);

isOver.now = true;
await supervisor.close();
let leaked = more(heldBefore, held());
await within(() => (leaked = more(heldBefore, held())).length === 0, CLOSED_MS);
say('closed');

// What is durable, somebody else finds too.
const second = await startSupervisor({
  'revoked-lmdb': revocationLedger({ store: children.durable.lmdb }),
  'revoked-postgres': revocationLedger({ store: children.durable.postgres }),
});
await second.ready();
lost.push(...(await lostIn(second.children, ['revoked-lmdb', 'revoked-postgres'])));
await second.close();
await servers.close();
await outsider.close();

const { refresh } = await import(
  new URL('./kinds/credential/refresh/refresh.js', pathToFileURL(createRequire(import.meta.url).resolve('tokenvisor')))
    .href
);
const threads = [...recordedIn(turns)];
const replayed = threads.reduce((sum, list) => sum + list.length, 0);
const different = threads.flatMap((list) => replay(list, refresh));
const evidence = {
  ...{ facts: children.facts, causes: causes.all, faults, threads, ...ends, startedMonoMs, readyMonoMs },
  ...{ gaps: seen.gaps, lates: seen.lates, samples },
};
const problems = unexplained(evidence);
const puzzles = [...problems, ...late, ...errors, ...warnings.map((warning) => `a warning: ${warning}`)];
// Each kind, and each way in which the supervisor's thread may die where there is time for it.
const missing = Object.keys(director.actions()).filter((name) => causes.counts()[name] === undefined);

const flat = memoryProblems(sampled, seconds);
const allRejections = [...rejections, ...seen.rejections, ...(written?.rejections ?? ['the writer told nothing'])];
const of = (/** @type {import('./reader-thread.mjs').Wrong['what'][]} */ ...whats) =>
  seen.wrongs
    .filter(({ what }) => whats.includes(what))
    .map(
      ({ what, name, atMonoMs, detail }) => `${what}: ${name} at ${Math.round(atMonoMs - startedMonoMs)} ms: ${detail}`,
    );
/** @type {Record<string, string[]>} */
const figures = {
  expired: expired(evidence),
  torn: of('torn', 'backwards', 'read'),
  lost,
  revoked:
    revoked > 0
      ? [`by the server's count ${inspect(stats.map(({ reuses, revokedGrants }) => ({ reuses, revokedGrants })))}`]
      : [],
  rejections: allRejections,
  leaked: [...leaked, ...flat],
  unexplained: puzzles,
  missing,
  'replayed otherwise': different,
};

const given = new Lived(samples).between(readyMonoMs, relentedMonoMs) / (relentedMonoMs - readyMonoMs);
say(
  `reads ${seen.reads}, tokens ${seen.tokens}, get() ${seen.gots}, times without a token ${seen.gaps.length}, past its time after a step of the clock ${seen.lates.length}, of the time the machine gave ${Math.round(100 * given)} %`,
);
say(
  `written ${inspect(Object.fromEntries((written?.all ?? []).map(({ name, written: count, refused }) => [name, { count, ...refused }])), { breakLength: 200 })}`,
);
say(`events ${inspect(counted, { breakLength: 200 })}`);
say(`done ${inspect(causes.counts(), { breakLength: 200, sorted: true })}`);
say(`memory ${sampled.map(({ heap, rss }) => `${heap.toFixed(0)}/${rss.toFixed(0)}`).join(' ')} (heap/rss, MB)`);
writeFileSync(path.join(folder, 'figures.json'), JSON.stringify(figures, undefined, 1));
for (const [name, list] of Object.entries(figures)) {
  for (const one of list.slice(0, 30)) say(`${name}: ${one}`);
  if (list.length > 30) say(`${name}: … ${list.length} in all`);
}
const isOk = Object.values(figures).every((list) => list.length === 0);
keepEvidence(folder, { ...evidence, puzzles, statuses });
const sum = (/** @type {Record<string, number>} */ counts) =>
  Object.values(counts).reduce((total, count) => total + count, 0);
const kills = causes.counts('kill');
const others = sum(causes.counts('server')) + sum(causes.counts('clock')) + sum(causes.counts('store'));
process.stdout.write(
  `chaos: ${seconds} s, seed ${seed}: kills ${sum(kills)} (${Object.entries(kills)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ')}), faults ${others}, ` +
    `${Object.entries(figures)
      .map(([name, list]) => `${name} ${list.length}`)
      .join(', ')}, ` +
    `replayed ${replayed} turns: ${isOk ? 'ok' : 'FAILED'}\n`,
);
// Of a run that has told its figures: one that fails in another way has 1.
process.exitCode = isOk ? 0 : 2;
