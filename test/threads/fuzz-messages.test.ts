/**
 * Messages that nobody of ours has sent, and memory that something else has written into: reported, or as if there were
 * none; never the end of a thread, of the process, or of another child.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { actor, attach, credential, type Actor } from 'tokenvisor';
import { breakGlass, tokenSet } from 'tokenvisor/inbound';
import { mulberry32 } from '../support/mulberry32.mjs';
import { afterTest, cleanUp, eventually, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const module = new URL('./fixtures/fuzz-kinds.mjs', import.meta.url);
const kind = (name = 'fuzzed') => actor({ behaviour: { module, export: name } });
const plain = () => credential({ provider: { module, export: 'plain' } });

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);

/** Words of 32 bits, the same for the same seed. */
const drawn = (seed: number): (() => number) => {
  const random = mulberry32(seed);
  return () => Math.floor(random() * 2 ** 32);
};

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;

/** What a port may bring, of those things that can cross at all. */
const GARBAGE: readonly unknown[] = [
  ...[undefined, null, 0, NaN, '', 'call', 7n, [], {}, new Map(), new Error('x'), new Uint8Array(3)],
  ...[{ kind: 'event' }, { kind: 'event', type: 1, details: {} }, { kind: 'event', type: 'x', details: null }],
  ...[
    { kind: 'calls' },
    { kind: 'calls', incarnation: 1, calls: null },
    { kind: 'constructor' },
    { kind: '__proto__' },
  ],
  ...[
    { kind: 'exited' },
    { kind: 'killed', incarnation: {} },
    { kind: 'supervisor' },
    { kind: 'supervisor', port: {} },
  ],
  ...[
    { kind: 'call', incarnation: 1 },
    { kind: 'connect', incarnation: 1 },
    { kind: 'disconnect', incarnation: 1 },
  ],
  ...[{ kind: 'cast' }, { kind: 'cast', value: 1 }, { kind: ['cast'], message: 1 }, ['cast', 1]],
];

const RAW = { type: 'RAW', value: 'x' };
const request = (more: object): object => ({ id: '1', type: 'APPLY', path: ['call'], argumentList: [RAW], ...more });

/** What Comlink would take for a request, and what no request of ours looks like. */
const REQUESTS: readonly unknown[] = [
  ...[request({ argumentList: 1 }), request({ argumentList: [null] }), request({ argumentList: {} })],
  ...[request({ path: 'call' }), request({ path: [] }), request({ path: [null] }), request({ path: ['nothing'] })],
  ...[request({ path: ['cast'] }), request({ path: ['cast', 'constructor'] })],
  ...[request({ path: ['__proto__', 'polluted'], type: 'SET', value: RAW }), request({ type: 'SET', value: null })],
  ...[request({ path: ['call', 'constructor'], argumentList: [{ type: 'RAW', value: 'process.exit(7)' }] })],
  ...[request({ path: ['constructor', 'constructor'], type: 'CONSTRUCT' }), request({ type: 'ENDPOINT' })],
  ...[request({ type: 'GET', path: ['call', 'length'] }), request({ id: undefined }), request({ type: 'x' })],
  ...[request({ argumentList: [{ type: 'HANDLER', name: 'nobody' }] })],
  ...[
    request({ argumentList: [{ type: 'HANDLER', name: 'throw', value: { isError: true, value: { message: 'x' } } }] }),
  ],
];

/** The next message of a port that has not had its turn. */
const taken = async (port: MessagePort): Promise<Record<string, unknown>> => {
  let received: { message: unknown } | undefined;
  await eventually('a message', () => (received = receiveMessageOnPort(port)) !== undefined);
  return received!.message as Record<string, unknown>;
};

const stillServes = async (child: Actor): Promise<void> => {
  expect(await child.call('x')).toBe('string');
  expect(child.status()).toMatchObject({ state: 'running', incarnation: 1 });
};

describe('messages that nobody of ours has sent', () => {
  test('on the call port of an actor: it goes on, and tells', async () => {
    const { children, heard } = await supervise({ own: kind(), other: kind() });
    const { port: home } = await children.own.writer();
    const { port: line } = (await taken(home)) as { port: MessagePort };
    const { calls } = (await taken(line)) as { calls: { port: MessagePort } };
    afterTest(() => [home, line, calls.port].forEach((port) => port.close()));
    const strange = [...GARBAGE, ...REQUESTS].filter((message) => message !== undefined);
    for (const message of strange) calls.port.postMessage(message);
    await eventually('all of them told', () => heard.of('error').length >= strange.length);
    await stillServes(children.own);
    await stillServes(children.other);
    expect(heard.of('child:exited')).toEqual([]);
    // None was answered, and none has done anything.
    expect(receiveMessageOnPort(calls.port)).toBeUndefined();
  });

  test('on the port that a writer has to the starting thread: reported, and the supervisor is not impersonated', async () => {
    const { children, heard } = await supervise({ own: kind(), other: kind() });
    const { port: home } = await children.own.writer();
    afterTest(() => home.close());
    const forged = ['supervisor:ended', 'child:exited', 'mint:succeeded', 'event', 'error'].map((type) => {
      return { kind: 'event', type, details: { atMs: 1, incarnation: 1, reason: 'closed' } };
    });
    const dated = { kind: 'event', type: 'cast:failed', details: { atMs: 'never' } };
    const strange = [...GARBAGE, ...forged, dated];
    for (const message of strange) home.postMessage(message);
    await eventually('all of them told', () => heard.of('error').length >= strange.length);
    expect(heard.all.filter(({ type }) => type !== 'error' && type !== 'child:started')).toEqual([]);
    await stillServes(children.own);
    await stillServes(children.other);
  });

  test('on the ports that a writer hears: it goes on without', async () => {
    const { children } = await supervise({ own: kind() });
    const { port: real, ...handle } = await children.own.writer();
    real.close();
    const home = new MessageChannel();
    const line = new MessageChannel();
    afterTest(() => [home.port1, line.port1].forEach((port) => port.close()));
    const writer = attach({ ...handle, port: home.port2 });
    for (const message of GARBAGE) home.port1.postMessage(message);
    home.port1.postMessage({ kind: 'supervisor', port: line.port2 }, [line.port2]);
    for (const message of GARBAGE) line.port1.postMessage(message);
    await expect(writer.call('x')).rejects.toThrow(code('NO_PROC'));
    expect(writer.status().state).toBe('running');
    await stillServes(children.own);
  });

  test('events of a kind, whatever it says of itself, are events only', async () => {
    const { children, heard } = await supervise({ own: kind('emitting'), other: kind() });
    await children.own.call('emit');
    await heard.next('error', 'own');
    await eventually('the last one', () => heard.all.some(({ type }) => (type as string) === 'own:last'));
    expect(await children.own.call('x')).toBe('string');
    await stillServes(children.other);
  });
});

test('a handle that was forged, cut short, or is of another layout', async () => {
  const { children } = await supervise({ own: kind(), api: plain(), door: breakGlass(), set: tokenSet() });
  const attachAny = attach as (handle: unknown) => { status(): unknown };
  const sizes = [0, 1, 13, 64, 4_096].map((size) => new SharedArrayBuffer(size));
  for (const child of Object.values(children)) {
    const handle = child.handle() as unknown as Record<string, unknown>;
    const memory = handle['memory'] as SharedArrayBuffer;
    const copy = new SharedArrayBuffer(memory.byteLength);
    new Uint8Array(copy).set(new Uint8Array(memory));
    // The version is the second word.
    new Int32Array(copy).fill(99, 1, 2);
    const memories = [
      ...sizes,
      new SharedArrayBuffer(memory.byteLength),
      copy,
      {},
      null,
      new ArrayBuffer(memory.byteLength),
    ];
    const forged: unknown[] = [
      ...memories.map((other) => ({ ...handle, memory: other })),
      ...['tokenvisor', 'kind', 'name', 'memory'].map((key) => ({ ...handle, [key]: undefined })),
      ...['credentials', '__proto__', '', 1, null].map((other) => ({ ...handle, kind: other })),
      ...[0, 2, '1', null].map((tokenvisor) => ({ ...handle, tokenvisor })),
    ];
    for (const each of forged) {
      expect(() => attachAny(each), JSON.stringify(each)).toThrow(code('LAYOUT_MISMATCH'));
    }
    expect(attachAny(handle).status()).toMatchObject({ incarnation: 1 });
  }
});

/** Whatever a handle is attached as. */
interface Reader {
  current?(): unknown;
  peek?(): unknown;
  snapshot?(): unknown;
  lookup?(token: string): { readonly insertedAtMs: number } | undefined;
  status(): unknown;
}

/** Memory as a buggy native addon would leave it: a few words of it, drawn. Its version stays. */
const scribble = (memory: SharedArrayBuffer, draw: () => number, words: number): void => {
  const view = new Int32Array(memory);
  for (let count = 0; count < words; count++) view[2 + (draw() % (view.length - 2))] = draw() | 0;
};

describe(`memory that something else has written into (seed ${SEED})`, () => {
  test('readers find a token that there was, or none', async () => {
    const { children, heard } = await supervise({ api: plain(), other: plain(), door: breakGlass(), own: kind() });
    await Promise.all([children.api.get(), children.other.get()]);
    const built = await children.door.buildAndStore();
    const { insertedAtMs } = children.door.lookup(built.token)!;
    const draw = drawn(SEED);
    for (const child of [children.api, children.door, children.own]) {
      const image = new Uint8Array(child.handle().memory).slice();
      for (let round = 0; round < 300; round++) {
        // Its own copy: what is scribbled there reaches no actor.
        const memory = new SharedArrayBuffer(image.length);
        new Uint8Array(memory).set(image);
        scribble(memory, draw, 1 + (draw() % 2_000));
        const reader = attach({ ...child.handle(), memory } as never) as unknown as Reader;
        for (const read of [() => reader.current?.(), () => reader.peek?.(), () => reader.snapshot?.()]) {
          try {
            const token = read() as { value: string } | undefined;
            expect(token === undefined || token.value === children.api.current().value).toBe(true);
          } catch (error) {
            expect(error).toEqual(expect.objectContaining({ name: 'TokenvisorError' }));
          }
        }
        expect(() => reader.status()).not.toThrow();
        expect([undefined, insertedAtMs]).toContain(reader.lookup?.(built.token)?.insertedAtMs);
      }
    }
    expect(children.other.current().value).toMatch(/^token-/);
    expect(heard.of('child:exited')).toEqual([]);
  });

  test('a child whose live memory is scribbled over ends by itself alone', async () => {
    const { supervisor, children } = await supervise({ api: plain(), other: plain(), own: kind() });
    await supervisor.ready();
    const draw = drawn(SEED + 1);
    for (let round = 0; round < 50; round++) {
      scribble(children.api.handle().memory, draw, 200);
      try {
        expect(children.api.current().value).toMatch(/^token-/);
      } catch (error) {
        expect(error).toEqual(expect.objectContaining({ name: 'TokenvisorError' }));
      }
      await children.api.get({ timeoutMs: 5 }).catch((error: unknown) => {
        expect(error).toEqual(expect.objectContaining({ name: 'TokenvisorError' }));
      });
      expect(children.other.current().value).toMatch(/^token-/);
    }
    await stillServes(children.own);
    await supervisor.close({ timeoutMs: 5_000 });
  });
});
