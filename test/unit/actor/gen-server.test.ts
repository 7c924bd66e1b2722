/** The GenServer in process: memory and clock are its arguments, so a test can be all that is around it. */
import { describe, expect, test } from 'vitest';
import { ActorReader } from '../../../src/kinds/actor/reader.js';
import {
  type ActorContext,
  type Behaviour,
  type From,
  noReply,
  proceed,
  reply,
  stop,
  type TaskResult,
  type TerminateReason,
} from '../../../src/actor/behaviour.js';
import { GenServer } from '../../../src/actor/gen-server.js';
import { allocateChildMemory, openWords } from '../../../src/memory/child-memory.js';
import { Header, SEALED, SEALED_BYTES, SNAPSHOT, STATUS } from '../../../src/memory/layout.js';
import { fenceRecord, type FencingLease } from '../../../src/memory/record.js';
import { raise, notify } from '../../../src/memory/words.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { turn } from '../../support/turn.js';

const seatOf = (control: number): FencingLease => ({ epoch: 1, bank: 0, control });

/** Memory and a clock that outlive an incarnation, and what was told. */
const world = () => {
  const memory = allocateChildMemory();
  const shared = openWords(memory.shared);
  const sealed = openWords(memory.sealed, SEALED_BYTES);
  const clock = createSimulatedClock({ wallMs: 1_000_000, monoMs: 5_000 });
  const told: object[] = [];
  const incarnate = (
    behaviour: Behaviour<never>,
    options: { incarnation?: number; terminateTimeoutMs?: number } = {},
  ) =>
    new GenServer({
      name: 'a',
      incarnation: options.incarnation ?? 1,
      owner: 'a test',
      options: { some: 'options' },
      behaviour,
      clock,
      shared,
      sealed,
      leases: {
        snapshot: seatOf(shared.load(SNAPSHOT.control)),
        status: seatOf(shared.load(STATUS.control)),
        sealed: seatOf(sealed.load(SEALED.control)),
      },
      terminateTimeoutMs: options.terminateTimeoutMs ?? 1_000,
      emit: (type, details) => told.push({ type, ...details }),
    });
  return { shared, sealed, clock, told, incarnate, reader: new ActorReader({ name: 'a', memory: memory.shared }) };
};

const untaken = (): void => undefined;
const callOf = (server: GenServer, message: unknown): Promise<unknown> => server.call(message, untaken);

/** Keeps its context, and what comes to it; a call or cast is a function that it runs. */
type Run = (context: ActorContext, from: From) => unknown;

const open: Behaviour<unknown[]> & { context?: ActorContext } = {
  init(context) {
    open.context = context;
    return [];
  },
  handleCall: (run: Run, from, log) => {
    const answer = run(open.context!, from);
    return answer === noReply ? noReply(log) : reply(answer ?? log, log);
  },
  handleCast: (message: unknown, log) => [...log, message],
  handleInfo: (message: unknown, log) => [...log, message],
};

describe('the start', () => {
  test('init has the context; handleContinue comes before any message, also before those that init sent', async () => {
    const { incarnate } = world();
    const log: unknown[] = [];
    const server = incarnate({
      init(context) {
        log.push([context.name, context.incarnation, context.owner, context.options]);
        context.send('to itself');
        return proceed('the state', 'why');
      },
      handleContinue: (argument, state) => (log.push(['continue', argument, state]), state),
      handleInfo: (message, state) => (log.push(['info', message, state]), state),
      handleCast: (message, state) => (log.push(['cast', message, state]), state),
    } satisfies Behaviour<string> as never);
    server.start();
    server.cast('at once', untaken);
    expect(log).toEqual([['a', 1, 'a test', { some: 'options' }]]);
    await turn();
    expect(log.slice(1)).toEqual([
      ['continue', 'why', 'the state'],
      ['info', 'to itself', 'the state'],
      ['cast', 'at once', 'the state'],
    ]);
  });

  test.each([
    ['throws', () => raiseError('no'), 'no'],
    ['is asynchronous', () => Promise.reject(new Error('unseen')), 'Expected init to be synchronous, got a promise'],
  ])('an init that %s is an error of the start, and nothing of it goes on', async (_how, init, message) => {
    const { incarnate, shared, clock } = world();
    const handled: unknown[] = [];
    const server = incarnate({
      init(context) {
        context.send('never handled');
        context.sendAfter('never sent', 10);
        return init() as never;
      },
      handleInfo: (info, state) => (handled.push(info), state),
    });
    expect(() => server.start()).toThrow(message);
    expect(clock.pending()).toBe(0);
    notify(shared, Header.REQUEST);
    await turn();
    expect(handled).toEqual([]);
  });

  test('a request that comes during init is not lost', async () => {
    const { incarnate, shared } = world();
    const handled: unknown[] = [];
    const server = incarnate({
      init: () => (notify(shared, Header.REQUEST), 0),
      handleInfo: (info, state) => (handled.push(info), state),
    } satisfies Behaviour<number> as never);
    server.start();
    await turn();
    await turn();
    expect(handled).toEqual([{ kind: 'requested' }]);
  });
});

const raiseError = (message: string): never => {
  throw new Error(message);
};

describe('messages', () => {
  test('a call is answered once, also when its handler answers twice; the place in the mailbox is given back', async () => {
    const { incarnate } = world();
    const server = incarnate(open as never);
    server.start();
    let taken = 0;
    const call = server.call(
      (context: ActorContext, from: From) => {
        context.reply(from, 'first');
        context.replyError(from, new Error('second'));
        return 'third';
      },
      () => (taken += 1),
    );
    expect(await call).toBe('first');
    expect(taken).toBe(1);
  });

  test('sendAfter fires in its time on the clock; cancelled, it does not', async () => {
    const { incarnate, clock } = world();
    const server = incarnate(open as never);
    server.start();
    await turn();
    const context = open.context!;
    context.sendAfter('at 100', 100);
    const cancelled = context.sendAfter('at 50', 50);
    context.sendAfter('at 10', 10);
    cancelled.cancel();
    clock.advance(99);
    expect(await callOf(server, () => undefined)).toEqual(['at 10']);
    clock.advance(1);
    expect(await callOf(server, () => undefined)).toEqual(['at 10', 'at 100']);
    expect(clock.pending()).toBe(0);
  });

  test('tasks: results and errors come with their tag, cancelled ones not at all', async () => {
    const { incarnate } = world();
    const server = incarnate(open as never);
    server.start();
    await turn();
    const context = open.context!;
    const signals: AbortSignal[] = [];
    const tasks = [
      context.startTask(() => 'value', 1),
      context.startTask(() => raiseError('thrown'), 2),
      context.startTask((signal) => (signals.push(signal), Promise.resolve('late')), 3),
    ];
    await Promise.resolve();
    tasks[2]!.cancel();
    await Promise.all(tasks.map(({ settled }) => settled));
    const log = (await callOf(server, () => undefined)) as TaskResult[];
    expect(log).toMatchObject([
      { kind: 'task', tag: 1, ok: true, value: 'value' },
      { kind: 'task', tag: 2, ok: false, error: { message: 'thrown' } },
    ]);
    expect(log).toHaveLength(2);
    expect(signals[0]?.aborted).toBe(true);
  });

  test('what is not there is an answer or an event, and no end', async () => {
    const { incarnate, told } = world();
    const server = incarnate({ init: () => 0 } as never);
    server.start();
    await turn();
    server.cast('anything', untaken);
    await expect(callOf(server, 'anything')).rejects.toMatchObject({ code: 'CALL_FAILED', child: 'a' });
    await expect(server.reconfigure({})).rejects.toMatchObject({ code: 'CALL_FAILED' });
    expect(told).toEqual([{ type: 'cast:failed', code: 'CALL_FAILED' }]);
    server.shutDown();
    expect(await server.ended).toBe('shutdown');
  });

  test('options that are refused leave the state as it was', async () => {
    const { incarnate } = world();
    const server = incarnate({
      ...open,
      handleOptions: (options: unknown, log: unknown[]) => (options === 'bad' ? raiseError('bad') : [...log, options]),
    } as never);
    server.start();
    await expect(server.reconfigure('bad')).rejects.toThrow('bad');
    await server.reconfigure('good');
    expect(await callOf(server, () => undefined)).toEqual(['good']);
  });
});

describe('what it writes', () => {
  test('is read from the same memory: snapshot, status, seal; generations are counted over incarnations', async () => {
    const { incarnate, reader, clock } = world();
    incarnate(open as never).start();
    const first = open.context!;
    expect([first.live(), first.generation(), first.sealed()]).toEqual([undefined, 0, undefined]);
    expect(first.publish({ n: 1 }, { expiresAtMs: 9e15 })).toBe(1);
    expect(first.publish({ n: 2 })).toBe(2);
    first.setStatus({ well: true });
    first.seal({ map: new Map([[1, 2n]]) });
    expect(reader.snapshot()).toEqual({ n: 2 });
    expect(reader.status().details).toEqual({ well: true });

    incarnate(open as never, { incarnation: 2 }).start();
    const second = open.context!;
    expect(second.live()).toMatchObject({ value: { n: 2 }, generation: 2, expiresAtMs: Infinity });
    expect(second.sealed()).toEqual({ map: new Map([[1, 2n]]) });
    second.withdraw();
    expect([second.live(), reader.snapshot(), second.generation()]).toEqual([undefined, undefined, 2]);
    expect(second.publish('next', { expiresAtMs: clock.wallMs() })).toBe(3);
    expect(reader.snapshot()).toBeUndefined();
  });

  test('what can’t be written is an error, and nothing changes', () => {
    const { incarnate, reader } = world();
    incarnate(open as never).start();
    const context = open.context!;
    context.publish('kept');
    const tooLarge = expect.objectContaining({ code: 'RECORD_TOO_LARGE' }) as Error;
    expect(() => context.publish('x'.repeat(70_000))).toThrow(tooLarge);
    expect(() => context.seal(new Uint8Array(70_000))).toThrow(tooLarge);
    expect(() => context.setStatus('x'.repeat(9_000))).toThrow(tooLarge);
    const noJson = expect.objectContaining({ code: 'NOT_CLONEABLE' }) as Error;
    expect(() => context.publish(undefined)).toThrow(noJson);
    expect(() => context.setStatus(() => 1)).toThrow(noJson);
    expect(reader.snapshot()).toBe('kept');
  });

  test('fenced, it can write nothing, and ends with FENCED', async () => {
    const { incarnate, shared, sealed, reader } = world();
    const server = incarnate(open as never);
    server.start();
    open.context!.publish('before');
    for (const place of [SNAPSHOT, STATUS]) fenceRecord(shared, place, 1);
    fenceRecord(sealed, SEALED, 1);
    const context = open.context!;
    const fenced = expect.objectContaining({ code: 'FENCED' }) as Error;
    for (const write of [() => context.seal(1), () => context.setStatus(1), () => context.withdraw()]) {
      expect(write).toThrow(fenced);
    }
    void callOf(server, () => context.publish('after')).catch(() => undefined);
    await expect(server.ended).rejects.toMatchObject({ code: 'FENCED' });
    expect(reader.snapshot()).toBe('before');
  });

  test('it reads what others want, and is told of it', async () => {
    const { incarnate, shared } = world();
    const server = incarnate(open as never);
    server.start();
    await turn();
    raise(shared, Header.WANTED, 7);
    raise(shared, Header.INVALIDATED, 3);
    notify(shared, Header.REQUEST);
    await turn();
    await turn();
    expect(await callOf(server, () => undefined)).toEqual([{ kind: 'requested' }]);
    expect([open.context!.wanted(), open.context!.invalidated()]).toEqual([7, 3]);
  });
});

describe('the end', () => {
  const ending = (
    terminate: (reason: TerminateReason, state: unknown) => void | Promise<void>,
    terminateTimeoutMs?: number,
  ) => {
    const around = world();
    const server = around.incarnate(
      {
        ...open,
        handleCast: (reason: string, log: unknown[]) =>
          reason === 'throw' ? raiseError('thrown') : stop(reason as 'normal', [...log, 'last']),
        terminate,
      } as never,
      terminateTimeoutMs === undefined ? {} : { terminateTimeoutMs },
    );
    server.start();
    return { ...around, server };
  };

  test.each([
    ['normal', 'normal'],
    ['shutdown', 'shutdown'],
  ])('stop(%s): terminate has the reason and the last state, and what comes later is dropped', async (reason, end) => {
    const last: unknown[] = [];
    const { server, clock } = ending((why, state) => void last.push(why, state));
    await turn();
    const context = open.context!;
    context.sendAfter('never', 10);
    const task = context.startTask((signal) => new Promise((resolve) => signal.addEventListener('abort', resolve)), 1);
    await turn();
    server.cast(reason, untaken);
    server.cast('throw', untaken);
    expect(await server.ended).toBe(end);
    expect(last).toEqual([reason, ['last']]);
    expect(clock.pending()).toBe(0);
    await task.settled;
  });

  test('a cast is handled when its handler is done with it or has thrown, and not if it never had its turn', async () => {
    const server = world().incarnate({
      ...open,
      handleCast: (message: string, log: unknown[]) => (message === 'throw' ? raiseError('thrown') : log),
    } as never);
    server.start();
    const log: string[] = [];
    for (const message of ['fine', 'throw', 'in the mailbox']) {
      server.cast(
        message,
        () => log.push(`${message}: taken`),
        () => log.push(`${message}: handled`),
      );
    }
    await expect(server.ended).rejects.toThrow('thrown');
    const late = (): void => void log.push('after the end');
    server.cast('after the end', late, late);
    await turn();
    expect(log).toEqual(['fine: taken', 'fine: handled', 'throw: taken', 'throw: handled']);
  });

  test('a throw is told to terminate, and is how it ended', async () => {
    const last: TerminateReason[] = [];
    const { server } = ending((why) => void last.push(why));
    server.cast('throw', untaken);
    await expect(server.ended).rejects.toThrow('thrown');
    expect(last).toMatchObject([{ error: { message: 'thrown' } }]);
  });

  test('a terminate that never ends: bounded, if nobody else bounds it', async () => {
    const { server, clock } = ending(() => new Promise(() => undefined), 500);
    let ended = false;
    void server.ended.catch(() => (ended = true));
    server.cast('throw', untaken);
    await turn();
    clock.advance(499);
    await turn();
    expect(ended).toBe(false);
    clock.advance(1);
    await expect(server.ended).rejects.toThrow('thrown');
    await turn();
    expect(ended).toBe(true);
  });

  test('a terminate that was asked for by shutDown() is waited for: the supervisor has the time', async () => {
    let finish = (): void => undefined;
    const { server, clock } = ending(() => new Promise((resolve) => (finish = resolve)), 500);
    server.shutDown();
    await turn();
    clock.advance(10_000);
    expect(clock.pending()).toBe(0);
    finish();
    expect(await server.ended).toBe('shutdown');
  });

  test('a terminate that throws is how it ended', async () => {
    const { server } = ending(() => raiseError('in terminate'));
    server.cast('normal', untaken);
    await expect(server.ended).rejects.toThrow('in terminate');
  });

  test('shutDown() comes after what is in the mailbox', async () => {
    const { server } = ending(() => undefined);
    const call = callOf(server, () => 'answered');
    server.shutDown();
    expect(await call).toBe('answered');
    expect(await server.ended).toBe('shutdown');
  });
});
