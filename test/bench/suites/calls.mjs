/** A call to an actor through its mailbox, over a bare Comlink echo. */
import { MessageChannel, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { actor, startSupervisor } from 'tokenvisor';

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await startSupervisor({
    echo: actor({ behaviour: new URL('../support/echo-kind.mjs', import.meta.url) }),
  });
  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(new URL('../support/echo-thread.mjs', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
  });
  /** @type {Comlink.Remote<{ echo(value: unknown): unknown }>} */
  const bare = Comlink.wrap(/** @type {any} */ (port1));
  await bare.echo(0);
  const series = await harness.latency(
    {
      'bare Comlink echo': async () => bare.echo(1),
      'call()': async () => supervisor.children.echo.call(1),
    },
    { count: 1_000 },
  );
  harness.ratio('a call over a bare Comlink echo, p50', series['call()'], series['bare Comlink echo'], { atMost: 1.5 });
  port1.close();
  await thread.terminate();
  await supervisor.close();
};
