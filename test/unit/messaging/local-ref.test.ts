import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { allocateCallCounts, type CallEndpoint } from '../../../src/messaging/call-endpoint.js';
import { serveCalls } from '../../../src/messaging/call-port.js';
import { allocateChildMemory } from '../../../src/memory/child-memory.js';
import { LocalRef } from '../../../src/messaging/local-ref.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** An actor that answers when it is let. */
const actor = () => {
  const { port1, port2 } = new MessageChannel();
  const counts = allocateCallCounts();
  const endpoint = (port: CallEndpoint['port']): CallEndpoint => ({ port, counts, mailboxLimit: 10 });
  const asked: ((answer: unknown) => void)[] = [];
  const call = (_message: unknown): Promise<unknown> => new Promise((resolve) => asked.push(resolve));
  serveCalls(endpoint(port2), { call, cast: () => undefined });
  closing.push(() => port2.close());
  return { calls: endpoint(port1), asked };
};

const doorOf = (hear = (): void => undefined): LocalRef =>
  new LocalRef(
    { name: 'a', memory: allocateChildMemory().shared },
    {
      update: () => Promise.resolve(),
      resume: () => Promise.resolve(),
      connectRemote: () => Promise.resolve(),
      receiveArrived: hear,
      emit: () => undefined,
    },
  );

it('an actor whose port has come, and had no turn yet, is found', async () => {
  const { calls, asked } = actor();
  const door = doorOf(() => door.connect(calls, 1));
  const called = door.call('question');
  await expect.poll(() => asked.length).toBe(1);
  asked[0]!('answer');
  expect(await called).toBe('answer');
});

describe('an incarnation that has exited', () => {
  it('is not called any more, whether its port has closed or not; an answer on its way is heard', async () => {
    const door = doorOf();
    const { calls, asked } = actor();
    door.connect(calls, 1);
    const before = door.call('question');
    await expect.poll(() => asked.length).toBe(1);
    door.exited(1);
    expect(door.connected).toBe(false);
    await expect(door.call('another')).rejects.toMatchObject({ code: 'NO_PROC', child: 'a' });
    asked[0]!('answer');
    expect(await before).toBe('answer');
  });

  it('is not the one after it: the exit of a zombie shuts nobody out', async () => {
    const door = doorOf();
    door.connect(actor().calls, 1);
    const { calls, asked } = actor();
    door.connect(calls, 2);
    door.exited(1);
    const called = door.call('question');
    await expect.poll(() => asked.length).toBe(1);
    asked[0]!('answer');
    expect(await called).toBe('answer');
  });

  it('leaves calls without an answer to fail when the supervisor thread is gone', async () => {
    const door = doorOf();
    door.connect(actor().calls, 1);
    const called = door.call('question');
    door.exited(1);
    door.disconnect();
    await expect(called).rejects.toMatchObject({ code: 'ACTOR_DOWN', child: 'a' });
  });
});
