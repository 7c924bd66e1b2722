/** A call to an actor through its mailbox, and a cast, beside what they are made of and what one would use instead. */
import { MessageChannel, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { Piscina } from 'piscina';
import { actor, startSupervisor } from 'tokenvisor';

const CALL_BAR = 1.25;

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await startSupervisor({
    echo: actor({ behaviour: new URL('../support/echo-behaviour.mjs', import.meta.url), mailboxLimit: 1_000_000 }),
  });
  const { echo } = supervisor.children;
  const { port1, port2 } = new MessageChannel();
  const raw = new MessageChannel();
  const thread = new Worker(new URL('../support/echo-thread.mjs', import.meta.url), {
    workerData: { port: port2, raw: raw.port2 },
    transferList: [port2, raw.port2],
  });
  // One listener for all: to add one and to take it off each time would be counted as the port's.
  /** @type {((value: unknown) => void)[]} */
  const waiting = [];
  raw.port1.on('message', (value) => waiting.shift()?.(value));
  /** @returns {Promise<unknown>} */
  const answer = () => new Promise((resolve) => waiting.push(resolve));
  /** @type {Comlink.Remote<{ echo(value: unknown): unknown }>} */
  const bare = Comlink.wrap(/** @type {any} */ (port1));
  await bare.echo(0);
  const pool = new Piscina({
    filename: new URL('../support/echo-task.mjs', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  });
  await pool.run(0);
  await harness.latency(
    {
      'raw MessagePort': async () => {
        raw.port1.postMessage(1);
        return answer();
      },
      'bare Comlink echo': async () => bare.echo(1),
      'Piscina run()': async () => pool.run(1),
      'call()': async () => echo.call(1),
    },
    { count: 1_000 },
  );
  // A thread that waits takes 5 us to wake up, or 50, for seconds at a time and each thread by itself: so the medians of
  // rounds tell of the machine. What is compared is the 5th percentile of all, of which none had to wait for that.
  const { rows } = harness.results();
  const least = (/** @type {string} */ name) => rows.find((row) => row.name === name)?.p5 ?? NaN;
  for (const beside of ['bare Comlink echo', 'raw MessagePort', 'Piscina run()']) {
    const bar = beside === 'bare Comlink echo' ? { atMost: CALL_BAR } : {};
    harness.figure(`a call over ${beside}, p5 of all`, least('call()') / least(beside), bar);
  }

  // Each batch ends when all of it has been received. Comlink and Piscina answer each message: they have no one-way ones.
  const sent = await harness.throughput(
    {
      'raw MessagePort, one way': async (count) => {
        for (let i = 0; i < count; i += 1) raw.port1.postMessage(0);
        raw.port1.postMessage(1);
        return answer();
      },
      'bare Comlink echo, unawaited': async (count) => {
        for (let i = 0; i < count; i += 1) void bare.echo(0);
        return bare.echo(1);
      },
      'Piscina run(), unawaited': async (count) => {
        for (let i = 0; i < count; i += 1) void pool.run(0);
        return pool.run(1);
      },
      'call(), unawaited': async (count) => {
        for (let i = 0; i < count; i += 1) void echo.call(0);
        return echo.call(1);
      },
      'cast()': async (count) => {
        for (let i = 0; i < count; i += 1) echo.cast('nothing');
        return echo.call(1);
      },
    },
    { unit: 'us' },
  );
  const [call, comlink] = [sent['call(), unawaited'], sent['bare Comlink echo, unawaited']];
  harness.ratio('a call over a bare Comlink echo, unawaited', call, comlink, { atMost: CALL_BAR });
  for (const beside of ['raw MessagePort, one way', 'bare Comlink echo, unawaited', 'Piscina run(), unawaited']) {
    harness.ratio(`a cast over ${beside}`, sent['cast()'], sent[beside]);
  }
  port1.close();
  raw.port1.close();
  await pool.destroy();
  await thread.terminate();
  await supervisor.close();
};
