/** Both ends of a call port in one thread: what crosses, in which order, and what is known of it when the port closes. */
import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { allocateCallCounts, CallCount, isCallEndpoint } from '../../../src/messaging/call-endpoint.js';
import { CallPort, serveCalls } from '../../../src/messaging/call-port.js';
import type { TokenvisorError } from '../../../src/core/errors.js';
import { nextTurn } from '../../../src/core/next-turn.js';
import { HOSTILE } from '../../support/hostile-values.mjs';

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

interface Came {
  readonly message: unknown;
  readonly taken: () => void;
  readonly handled: () => void;
}

/** A port with a sender at one end and, if it is served, at the other whatever came. */
const open = ({ served = true, mailboxLimit = 10 } = {}) => {
  const { port1, port2 } = new MessageChannel();
  cleanups.push(() => [port1, port2].forEach((port) => port.close()));
  const counts = allocateCallCounts();
  const words = new Int32Array(counts);
  const [came, strange, lost]: [Came[], unknown[], TokenvisorError[]] = [[], [], []];
  const server = {
    call: (message: unknown, taken: () => void) => {
      came.push({ message, taken, handled: () => undefined });
      return Promise.resolve(message);
    },
    cast: (message: unknown, taken: () => void, handled: () => void) => came.push({ message, taken, handled }),
  };
  if (served) {
    serveCalls({ port: port2, counts, mailboxLimit }, server, (it) => strange.push(it));
  }
  const calls = new CallPort('own', { port: port1, counts, mailboxLimit }, (error) => lost.push(error));
  return { calls, sender: port1, actor: port2, words, came, strange, lost };
};

/** Ends the actor's side, and waits until the sender has seen it. */
const end = async (calls: CallPort, actor: MessagePort): Promise<void> => {
  actor.close();
  await calls.down;
};

/** The thread stands still, as in a long computation. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('a call that runs out of time while its thread is blocked', () => {
  test('has the answer that arrived meanwhile', async () => {
    const { calls, came } = open();
    await nextTurn();
    const answer = calls.call('a', { timeoutMs: 1 });
    // Delivered by this turn, so that the answer is under way before the block.
    await nextTurn();
    expect(came).toHaveLength(1);
    block(20);
    await expect(answer).resolves.toBe('a');
  });

  test('regression: it said CALL_TIMEOUT of an actor that had died meanwhile', async () => {
    const { calls, actor } = open({ served: false });
    await nextTurn();
    const down = calls.call('a', { timeoutMs: 1 });
    actor.close();
    block(20);
    await expect(down).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  });
});

describe('a cast', () => {
  test('is one message, one way', async () => {
    const { calls, actor, words } = open({ served: false });
    calls.cast({ any: 'thing' });
    expect(receiveMessageOnPort(actor)?.message).toEqual({ kind: 'cast', message: { any: 'thing' } });
    expect(receiveMessageOnPort(actor)).toBeUndefined();
    expect(words[CallCount.RESERVED]).toBe(1);
    await end(calls, actor);
  });

  test('comes in order among calls, and nobody answers it', async () => {
    const { calls, came } = open({ mailboxLimit: 20 });
    const answers: Promise<unknown>[] = [];
    for (let sent = 0; sent < 20; sent += 2) {
      calls.cast(sent);
      answers.push(calls.call(sent + 1));
    }
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 10 }, (_, index) => 2 * index + 1));
    expect(came.map(({ message }) => message)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('is what it is, whatever it looks like: a request, or something that Comlink would make', async () => {
    const { calls, came, strange } = open();
    const messages = [
      undefined,
      { id: '1', type: 'APPLY', path: ['call', 'constructor'], argumentList: [{ type: 'RAW', value: 'exit' }] },
      { type: 'HANDLER', name: 'throw', value: { isError: true, value: { message: 'x' } } },
      { kind: 'cast' },
    ];
    for (const message of messages) calls.cast(message);
    await expect.poll(() => came.map(({ message }) => message)).toEqual(messages);
    expect(strange).toEqual([]);
  });

  test('that can not be sent takes no place, and is not counted as sent', async () => {
    const { calls, actor, words, lost } = open({ mailboxLimit: 1 });
    const notSent = expect.objectContaining({ code: 'NOT_CLONEABLE' }) as Error;
    for (const message of [() => 1, HOSTILE['a proxy that throws']!(), HOSTILE['a revoked proxy']!()]) {
      expect(() => calls.cast(message)).toThrow(notSent);
    }
    // What a getter throws may have any text, also that of an answer which can't be cloned.
    const posing = Object.defineProperty({}, 'trap', {
      enumerable: true,
      get: () => {
        throw new TypeError('Unserializable return value');
      },
    });
    expect(() => calls.cast(posing)).toThrow(notSent);
    expect(words[CallCount.RESERVED]).toBe(0);
    await end(calls, actor);
    expect(lost).toEqual([]);
  });

  test.each([{}, { kind: 'cast' }, { kind: 'Cast', message: 1 }, { message: 1 }, ['cast', 1], 'cast', null])(
    'is not %j: reported, and dropped',
    async (forged) => {
      const { sender, came, strange } = open();
      sender.postMessage(forged);
      await expect.poll(() => strange).toEqual([forged]);
      expect(came).toEqual([]);
    },
  );
});

describe('when the port closes', () => {
  test('each cast that was not handled is told once: in the mailbox, in its handler, on its way', async () => {
    const { calls, actor, came, lost } = open();
    for (let sent = 0; sent < 5; sent += 1) calls.cast(sent);
    await expect.poll(() => came.length).toBe(5);
    for (const { taken, handled } of came.slice(0, 2)) {
      taken();
      handled();
    }
    // Taken, and the thread is killed in its handler.
    came[2]?.taken();
    calls.cast('on its way');
    await end(calls, actor);
    expect(lost.map(({ code, child }) => [code, child])).toEqual(Array(4).fill(['ACTOR_DOWN', 'own']));
    expect(() => calls.cast('later')).toThrow(expect.objectContaining({ code: 'NO_PROC' }) as Error);
    expect(lost).toHaveLength(4);
  });

  test('on this side, as of a zombie: those that it has not handled by then, and none of them twice', async () => {
    const { calls, came, lost } = open();
    for (let sent = 0; sent < 3; sent += 1) calls.cast(sent);
    await expect.poll(() => came.length).toBe(3);
    came[0]?.handled();
    calls.close();
    calls.close();
    await calls.down;
    expect(lost).toHaveLength(2);
    for (const { handled } of came) handled();
    expect(lost).toHaveLength(2);
  });

  test.each([-(2 ** 31), -1, 5, 2 ** 31 - 1])(
    'counters with %j in them make it no more than were sent',
    async (word) => {
      const { calls, actor, words, lost } = open({ served: false });
      calls.cast('one');
      calls.cast('two');
      words[CallCount.CASTS_HANDLED] = word;
      await end(calls, actor);
      expect(lost.length).toBeLessThanOrEqual(2);
    },
  );

  test('none is told of where all were handled', async () => {
    const { calls, actor, came, lost } = open();
    calls.cast('one');
    await expect.poll(() => came.length).toBe(1);
    came[0]?.handled();
    await end(calls, actor);
    expect(lost).toEqual([]);
  });
});

test('a port that a line brings is one with counters of the right size', () => {
  const { port1, port2 } = new MessageChannel();
  cleanups.push(() => [port1, port2].forEach((port) => port.close()));
  const good = { port: port1, counts: allocateCallCounts(), mailboxLimit: 1 };
  expect(isCallEndpoint(good)).toBe(true);
  const bad = [null, {}, { ...good, port: {} }, { ...good, mailboxLimit: '1' }];
  const sizes = [0, 4, 12].map((bytes) => ({ ...good, counts: new SharedArrayBuffer(bytes) }));
  for (const one of [...bad, ...sizes, { ...good, counts: new ArrayBuffer(8) }])
    expect(isCallEndpoint(one)).toBe(false);
});
