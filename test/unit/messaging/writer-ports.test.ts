/** The ports of writers, as the starting thread and the supervisor thread hold them: none outlives its writer. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallEndpoint } from '../../../src/messaging/call-endpoint.js';
import { OwnerPorts } from '../../../src/messaging/owner-ports.js';
import { RemoteRefHub } from '../../../src/messaging/remote-ref-hub.js';
import { RemoteRef } from '../../../src/messaging/remote-ref.js';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

/** A thread that has the port and does nothing else. */
const holder = (port: MessagePort): Worker => {
  const worker = new Worker('require("node:worker_threads").workerData.on("message", () => {})', {
    eval: true,
    workerData: port,
    transferList: [port],
    execArgv: [],
  });
  closing.push(() => worker.terminate());
  return worker;
};

const homesWith = (openLine: (line: MessagePort) => Promise<void>) => {
  const told: unknown[] = [];
  const homes = new OwnerPorts('a', { openLine, tell: (type, details) => told.push({ type, ...details }) });
  closing.push(() => homes.close());
  return { homes, told };
};

/** What the supervisor thread does with a line, here. */
const supervised = () => {
  const lines = new RemoteRefHub(10);
  closing.push(() => lines.close());
  const actorPorts: MessagePort[] = [];
  const connect = ({ port }: CallEndpoint): void => {
    actorPorts.push(port);
    closing.push(() => port.close());
  };
  const { homes, told } = homesWith((line) => {
    lines.open(line);
    return Promise.resolve();
  });
  return { lines, homes, told, actorPorts, connect };
};

describe('when the thread of a writer ends', () => {
  it('nothing of it is left with the starting thread, the supervisor thread or the actor', async () => {
    const { lines, homes, actorPorts, connect } = supervised();
    lines.connect(1, connect);
    const worker = holder(await homes.open());
    await new Promise((resolve) => worker.once('online', resolve));
    expect([homes.size, lines.size, actorPorts.length]).toEqual([1, 1, 1]);
    let closed = false;
    actorPorts[0]!.once('close', () => (closed = true));
    await worker.terminate();
    await expect.poll(() => [homes.size, lines.size, closed]).toEqual([0, 0, true]);
  });

  it('by itself, because it closed its writer, it is the same', async () => {
    const { lines, homes } = supervised();
    const line = new RemoteRef('a', await homes.open());
    expect([homes.size, lines.size]).toEqual([1, 1]);
    line.close();
    await expect.poll(() => [homes.size, lines.size]).toEqual([0, 0]);
    await expect(line.call('a question')).rejects.toMatchObject({ code: 'NO_PROC' });
  });
});

describe('the starting thread', () => {
  it('keeps no home of a writer whose first line could not be opened', async () => {
    const { homes } = homesWith((line) => {
      line.close();
      return Promise.reject(new Error('the supervisor thread died'));
    });
    await expect(homes.open()).rejects.toThrow('the supervisor thread died');
    await expect.poll(() => homes.size).toBe(0);
  });

  it('sends each writer a new line when there is a new supervisor thread, and the old one ends', async () => {
    const { lines, homes, connect } = supervised();
    const writers = [new RemoteRef('a', await homes.open()), new RemoteRef('a', await homes.open())];
    closing.push(() => writers.forEach((writer) => writer.close()));
    lines.connect(7, connect);
    await homes.reopen();
    await expect.poll(() => lines.size).toBe(2);
    homes.close();
    await expect.poll(() => lines.size).toBe(0);
  });

  it('is told what a writer could not cast, and when', async () => {
    const { homes, told } = supervised();
    const writer = new RemoteRef('a', await homes.open());
    closing.push(() => writer.close());
    writer.cast('nobody is there');
    await expect
      .poll(() => told)
      .toEqual([{ type: 'cast:failed', code: 'NO_PROC', atMs: expect.any(Number) as number }]);
  });
});

describe('regressions: what is no message of a writer', () => {
  const strange = [null, 'text', 5, {}, { kind: 'line' }, { kind: 'line', port: {} }, { kind: 'event', type: 5 }];
  const forged = [
    { kind: 'event', type: 'error', details: {} },
    { kind: 'event', type: 'cast:failed', details: null },
  ];

  it('ended the starting thread; it is an error event, and the writer is as it was', async () => {
    const { homes, told } = supervised();
    const port = await homes.open();
    closing.push(() => port.close());
    for (const message of [...strange, ...forged]) port.postMessage(message);
    const writer = new RemoteRef('a', port);
    writer.cast('nobody is there');
    await expect.poll(() => told.length).toBe(strange.length + forged.length + 1);
    expect(told.slice(0, -1)).toEqual(
      [...strange, ...forged].map(() => ({
        type: 'error',
        error: expect.objectContaining({ code: 'INTERNAL', child: 'a' }) as Error,
        during: "a message of a writer of 'a'",
      })),
    );
    expect(told.at(-1)).toMatchObject({ type: 'cast:failed', code: 'NO_PROC' });
  });

  it('ended the thread of a writer; it is nothing to it', async () => {
    const { port1, port2 } = new MessageChannel();
    closing.push(() => port2.close());
    const writer = new RemoteRef('a', port1);
    closing.push(() => writer.close());
    for (const message of strange) port2.postMessage(message);
    await expect(writer.call('a question')).rejects.toMatchObject({ code: 'NO_PROC' });
    for (const message of strange) port2.postMessage(message);
    await new Promise(setImmediate);
    await expect(writer.call('a question')).rejects.toMatchObject({ code: 'NO_PROC' });
  });
});

describe('a line', () => {
  it('is told of the exit of the incarnation that is called, and of no other', () => {
    const lines = new RemoteRefHub(10);
    const { port1, port2 } = new MessageChannel();
    closing.push(() => port1.close());
    const kinds: string[] = [];
    port1.on('message', ({ kind, incarnation }: { kind: string; incarnation: number }) =>
      kinds.push(`${kind} ${incarnation}`),
    );
    lines.open(port2);
    lines.connect(2, ({ port }) => port.close());
    lines.exited(1);
    lines.exited(2);
    lines.exited(2);
    return expect.poll(() => kinds).toEqual(['calls 2', 'exited 2']);
  });
});
