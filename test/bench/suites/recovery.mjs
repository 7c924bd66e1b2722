/** From a crash to the first answered call: main idle, main blocked, libuv's pool full. */
import { pbkdf2 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { actor, startSupervisor } from 'tokenvisor';
import { median } from '../statistics.mjs';

const ROUNDS = 15;
const BLOCK_MS = 400;
const monoMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Restarts are counted in this, so that each crash is the first one. */
const MAX_SECONDS = 1;

/** Keeps libuv's pool full until stopped. */
const fillPool = () => {
  let full = true;
  /** @type {Promise<void>[]} */
  const jobs = Array.from({ length: 16 }, async () => {
    while (full) await new Promise((done) => pbkdf2('fake', 'salt', 50_000, 64, 'sha512', done));
  });
  return async () => {
    full = false;
    await Promise.all(jobs);
  };
};

/** @param {import('tokenvisor').ActorHandle} echo @returns {Promise<number>} ms */
const untilAnswered = async (echo) => {
  const { incarnation } = echo.status();
  const crashedAt = monoMs();
  echo.cast('die');
  for (;;) {
    const answered = await echo.call(1).then(
      () => true,
      () => false,
    );
    if (answered && echo.status().incarnation > incarnation) return monoMs() - crashedAt;
    await new Promise((next) => setImmediate(next));
  }
};

/** Main can't be answered while it is blocked: the successor itself says when it was ready. @param {import('tokenvisor').ActorHandle} echo */
const whileBlocked = async (echo) => {
  const before = /** @type {{ readyAtMs: number }} */ (echo.snapshot());
  const crashedAt = monoMs();
  echo.cast('die');
  while (monoMs() < crashedAt + BLOCK_MS);
  const { readyAtMs } = /** @type {{ readyAtMs: number }} */ (echo.snapshot());
  return readyAtMs === before.readyAtMs ? BLOCK_MS : readyAtMs - crashedAt;
};

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const behaviour = new URL('../support/echo-kind.mjs', import.meta.url);
  const supervisor = await startSupervisor({ echo: actor({ behaviour, maxSeconds: MAX_SECONDS }) });
  supervisor.on('event', () => undefined);
  const { echo } = supervisor.children;

  /** @param {string} name @param {(echo: import('tokenvisor').ActorHandle) => Promise<number>} crash */
  const measure = async (name, crash) => {
    const values = [];
    for (let round = -2; round < ROUNDS; round += 1) {
      await sleep(MAX_SECONDS * 1_000 + 200);
      const value = await crash(echo);
      if (round >= 0) values.push(value);
      await echo.call(1).catch(() => undefined);
    }
    harness.row(name, 'ms', values);
    harness.figure(`${name}, p50 in ms`, median(values));
  };

  await measure('crash to first answer, main idle', untilAnswered);
  await measure('crash to successor ready, main blocked', whileBlocked);
  const empty = fillPool();
  await measure("crash to first answer, libuv's pool full", untilAnswered);
  await empty();
  await supervisor.close();
};
