/** The runtime of actors, seen from the thread that started them. */
import { afterEach, describe, expect, test } from 'vitest';
import { actor, ProviderError, TokenvisorError, type Actor, type ActorOptions } from 'tokenvisor';
import { cleanUp, Control, eventually, type Heard, supervise } from '../support/supervised.js';
import { Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const kinds = new URL('./fixtures/runtime-kind.mjs', import.meta.url);

const start = async (
  options: Partial<ActorOptions> & { label?: unknown } = {},
): Promise<{ a: Actor; control: Control; heard: Heard; close: () => Promise<void> }> => {
  const { label, ...rest } = options;
  const control = new Control();
  const behaviour = { module: kinds, export: 'runtimeKind' };
  const { supervisor, heard } = await supervise({
    a: actor({ behaviour, options: { control: control.buffer, label }, maxRestarts: 100, ...rest }),
  });
  return { a: supervisor.children.a, control, heard, close: () => supervisor.close() };
};

/** Its actor is in a handler, and stays there until the word STOP is set. */
const block = async (a: Actor, control: Control): Promise<void> => {
  a.cast({ do: 'block' });
  await eventually('the actor in its handler', () => control.get(Word.DONE) === 1);
};

describe('messages', () => {
  test('a call is answered with what the handler replies, whatever can be cloned', async () => {
    const { a } = await start();
    const value = { list: [1, 'two', null], when: new Date(5), map: new Map([[1, new Set([2])]]), big: 10n };
    expect(await a.call({ do: 'echo', with: value })).toEqual(value);
    expect(await a.call({ do: 'echo' })).toBeUndefined();
  });

  test('init, then handleContinue, then what init sent to itself, then messages in the order in which they came', async () => {
    const { a } = await start();
    for (let sent = 0; sent < 5; sent += 1) a.cast({ do: 'note', with: sent });
    expect(await a.call({ do: 'log' })).toEqual([
      ...['init', 'continue the argument', 'sent in init'],
      ...['cast 0', 'cast 1', 'cast 2', 'cast 3', 'cast 4'],
    ]);
  });

  test('a deferred reply comes when it is given; a second one is dropped', async () => {
    const { a } = await start();
    const waiting = [a.call({ do: 'later' }), a.call({ do: 'later' })];
    expect(await a.call({ do: 'echo', with: 'meanwhile' })).toBe('meanwhile');
    a.cast({ do: 'answer', with: 'now' });
    expect(await Promise.all(waiting)).toEqual(['now', 'now']);
    expect(await a.call({ do: 'twice' })).toBe('first');
    expect(await a.call({ do: 'echo', with: 'alive' })).toBe('alive');
  });

  test('1,000 calls at once are each answered with their own', async () => {
    const { a } = await start();
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    expect(await Promise.all(numbers.map((number) => a.call({ do: 'echo', with: number })))).toEqual(numbers);
  });

  test('one at a time: while a handler runs no other does, and what came meanwhile is handled in order', async () => {
    const { a, control } = await start();
    await block(a, control);
    a.cast({ do: 'note', with: 'one' });
    const log = a.call<string[]>({ do: 'log' });
    const early = await Promise.race([log, a.call({ do: 'echo' }, { timeoutMs: 50 }).catch(() => 'nothing')]);
    expect(early).toBe('nothing');
    control.set(Word.STOP, 1);
    expect((await log).at(-1)).toBe('cast one');
  });

  test('sendAfter comes to handleInfo, and can be cancelled', async () => {
    const { a } = await start();
    expect(await a.call({ do: 'send after', with: 1 })).toBe('later');
    expect(await a.call({ do: 'cancelled send after' })).toBe('not cancelled');
  });

  test('a task runs beside the mailbox, and its result or error comes to handleInfo', async () => {
    const { a, control } = await start();
    control.set(Word.HOLD, 1);
    const [done, fails] = [a.call({ do: 'task', with: 1 }), a.call({ do: 'task', with: 'fails' })];
    expect(await a.call({ do: 'echo', with: 'meanwhile' })).toBe('meanwhile');
    const failed = expect(fails).rejects.toMatchObject({ code: 'CALL_FAILED', cause: { code: 'E_RANGE' } });
    control.set(Word.HOLD, 0);
    expect(await done).toBe('done: 1');
    await failed;
  });

  test('the result of a task that was cancelled is dropped', async () => {
    const { a, control } = await start();
    control.set(Word.HOLD, 1);
    const never = a.call({ do: 'task' }, { timeoutMs: 300 });
    const dropped = expect(never).rejects.toMatchObject({ code: 'CALL_TIMEOUT' });
    expect(await a.call({ do: 'cancel task' })).toBe('cancelled');
    control.set(Word.HOLD, 0);
    await dropped;
    expect(await a.call({ do: 'echo', with: 'alive' })).toBe('alive');
  });

  test('an event of its own has the name of the child', async () => {
    const { a, heard } = await start();
    await a.call({ do: 'emit', with: { byMs: 3, name: 'somebody else' } });
    expect(await heard.next('clock:stepped')).toMatchObject({ name: 'a', byMs: 3 });
  });
});

describe('a call that fails', () => {
  test('CALL_TIMEOUT, and the late reply is dropped', async () => {
    const { a, control } = await start();
    await block(a, control);
    const late = a.call({ do: 'echo', with: 'late' }, { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: 'CALL_TIMEOUT', child: 'a' });
    control.set(Word.STOP, 1);
    expect(await a.call({ do: 'echo', with: 'next' })).toBe('next');
  });

  test('ABORTED by its signal, before and after it was sent', async () => {
    const { a } = await start();
    const reason = new Error('enough');
    const aborted = { code: 'ABORTED', cause: reason };
    await expect(a.call({ do: 'echo' }, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject(aborted);
    const controller = new AbortController();
    const call = expect(a.call({ do: 'later' }, { signal: controller.signal })).rejects.toMatchObject(aborted);
    controller.abort(reason);
    await call;
    expect(await a.call({ do: 'echo', with: 1 })).toBe(1);
  });

  test('ACTOR_DOWN if it dies over it, by its own doing or not; the next incarnation answers', async () => {
    const { a, heard } = await start();
    const bystander = expect(a.call({ do: 'later' })).rejects.toMatchObject({ code: 'ACTOR_DOWN', child: 'a' });
    await expect(a.call({ do: 'throw' })).rejects.toMatchObject({ code: 'ACTOR_DOWN', child: 'a' });
    await bystander;
    expect((await heard.next('child:exited')).reason).toMatchObject({
      kind: 'crash',
      error: { name: 'RangeError', message: 'out of range', code: 'E_RANGE' },
    });
    await heard.next('child:restarted');
    expect(await a.call({ do: 'echo', with: 'again' })).toBe('again');
  });

  test('NO_PROC once it is stopped, and after close()', async () => {
    const { a, close, heard } = await start({ restart: 'transient' });
    a.cast({ do: 'stop', with: 'normal' });
    await heard.next('child:stopped');
    await expect(a.call({ do: 'echo' })).rejects.toMatchObject({ code: 'NO_PROC', child: 'a' });
    await close();
    await expect(a.call({ do: 'echo' })).rejects.toMatchObject({ code: 'NO_PROC' });
    a.cast({ do: 'note' });
    expect(await heard.next('cast:failed')).toMatchObject({ code: 'NO_PROC' });
  });

  test('MAILBOX_FULL past the bound, for calls and casts; room again when the actor goes on', async () => {
    const { a, control, heard } = await start({ mailboxLimit: 3 });
    await block(a, control);
    const fit = [1, 2, 3].map((number) => a.call({ do: 'echo', with: number }));
    await expect(a.call({ do: 'echo' })).rejects.toMatchObject({ code: 'MAILBOX_FULL', child: 'a' });
    a.cast({ do: 'note' });
    expect(await heard.next('cast:failed')).toMatchObject({ name: 'a', code: 'MAILBOX_FULL' });
    control.set(Word.STOP, 1);
    expect(await Promise.all(fit)).toEqual([1, 2, 3]);
    expect(await a.call({ do: 'echo', with: 4 })).toBe(4);
  });

  test('NOT_CLONEABLE, there and back, and no place in the mailbox is lost by it', async () => {
    const { a, heard } = await start({ mailboxLimit: 2 });
    const hostile = Object.defineProperty({}, 'trap', {
      enumerable: true,
      get: () => raise(new RangeError('trapped')),
    });
    for (let round = 0; round < 5; round += 1) {
      const there = { code: 'NOT_CLONEABLE', message: expect.stringContaining("A message to 'a'") as string };
      await expect(a.call({ do: 'echo', with: () => 1 })).rejects.toMatchObject(there);
      await expect(a.call(hostile)).rejects.toMatchObject(there);
      const back = { code: 'NOT_CLONEABLE', message: expect.stringContaining("The answer of 'a'") as string };
      await expect(a.call({ do: 'not cloneable' })).rejects.toMatchObject(back);
      a.cast({ do: 'note', with: Symbol('not cloneable') });
      expect(await heard.next('cast:failed')).toMatchObject({ code: 'NOT_CLONEABLE' });
    }
    expect(await a.call({ do: 'echo', with: 'alive' })).toBe('alive');
  });

  test('errors cross with name, message, code and cause, and nothing else', async () => {
    const { a } = await start();
    const errorOf = (what: string): Promise<TokenvisorError> =>
      a.call({ do: 'fail', with: what }).then(
        () => raise(new Error('Expected a rejection')),
        (error: unknown) => error as TokenvisorError,
      );
    const plain = await errorOf('plain');
    expect(plain).toBeInstanceOf(TokenvisorError);
    expect(plain).toMatchObject({ code: 'CALL_FAILED', message: 'out of range' });
    expect(plain.cause).toMatchObject({ name: 'RangeError', message: 'out of range', code: 'E_RANGE' });
    expect(plain.cause).not.toHaveProperty('secret');
    const provider = await errorOf('provider');
    expect(provider).toBeInstanceOf(ProviderError);
    expect(provider).toMatchObject({ code: 'MINT_FAILED', class: 'fatal', status: 403, oauthError: 'invalid_grant' });
    expect(await errorOf('caused')).toMatchObject({ cause: { message: 'outer', cause: { code: 'E_INNER' } } });
    expect(await errorOf('string')).toMatchObject({ message: 'a thrown value that is not an Error: a text' });
    expect(await errorOf('nothing')).toMatchObject({ message: 'a thrown value that is not an Error: undefined' });
  });
});

const raise = (error: Error): never => {
  throw error;
};

describe('the end', () => {
  test.each([
    ['stop normal', (a: Actor) => a.cast({ do: 'stop', with: 'normal' }), 10, { kind: 'normal' }],
    ['stop shutdown', (a: Actor) => a.cast({ do: 'stop', with: 'shutdown' }), 11, { kind: 'shutdown' }],
    ['a handler that throws', (a: Actor) => a.cast({ do: 'throw' }), 12, { kind: 'crash' }],
    ['a handler that returns a promise', tried({ do: 'promise' }), 13, { kind: 'crash', error: { code: 'INTERNAL' } }],
    [
      'a handleCall that returns no reply',
      tried({ do: 'nonsense' }),
      13,
      { kind: 'crash', error: { code: 'INTERNAL' } },
    ],
    ['a call that is not answered but stops', tried({ do: 'stop', with: 'normal' }), 10, { kind: 'normal' }],
  ] as const)('by %s: terminate is told why, and so is the event', async (_how, end, told, reason) => {
    const { a, control, heard } = await start({ restart: 'temporary' });
    await end(a);
    expect((await heard.next('child:exited')).reason).toMatchObject(reason);
    expect(control.get(Word.DONE)).toBe(told);
  });

  test('by close(): terminate is told `shutdown`', async () => {
    const { control, close, heard } = await start();
    await close();
    expect(control.get(Word.DONE)).toBe(11);
    expect((await heard.next('child:exited')).reason).toEqual({ kind: 'shutdown' });
  });

  test.each(['temporary', 'permanent'] as const)('a reply before the stop arrives: %s', async (restart) => {
    const { a, heard } = await start({ restart });
    for (let round = 0; round < (restart === 'permanent' ? 5 : 1); round += 1) {
      if (round > 0) await heard.next('child:restarted');
      const unanswered = expect(a.call({ do: 'later' })).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
      expect(await a.call({ do: 'reply and stop' })).toBe('goodbye');
      await unanswered;
    }
  });

  test('a cast that its actor did not live to see is an event', async () => {
    const { a, control, heard } = await start({ hangTimeoutMs: 200 });
    await block(a, control);
    a.cast({ do: 'note' });
    for (let cast = 0; cast < 2; cast += 1) {
      expect(await heard.next('cast:failed')).toMatchObject({ name: 'a', code: 'ACTOR_DOWN' });
    }
  });

  test.each([
    // Those after it lie in its mailbox or on their way, however long the one that ends it takes to do so.
    ['throws', { do: 'throw' }, 0],
    ['is killed in its handler', { do: 'block' }, 1],
  ])('when it %s, each cast that it has not handled is one event', async (_how, last, itself) => {
    const { a, control, heard } = await start({ hangTimeoutMs: 500 });
    for (let sent = 0; sent < 50; sent += 1) a.cast({ do: 'note', with: sent });
    a.cast(last);
    for (let sent = 0; sent < 600; sent += 1) a.cast({ do: 'note', with: sent });
    await heard.next('child:restarted');
    await eventually('their events', () => heard.of('cast:failed').length >= 600 + itself);
    control.set(Word.STOP, 1);
    a.cast({ do: 'note', with: 'handled' });
    expect(await a.call<string[]>({ do: 'log' })).toContain('cast handled');
    const told = heard.of('cast:failed').map(({ name, code }) => `${name} ${code}`);
    expect(told).toEqual(Array(600 + itself).fill('a ACTOR_DOWN'));
  });

  test('a terminate that never ends is bounded by `shutdown`, also after a crash', async () => {
    const behaviour = { module: kinds, export: 'neverTerminates' };
    const { a, heard, close } = await start({ behaviour, shutdown: 100 });
    a.cast('crash');
    expect((await heard.next('child:exited')).reason).toMatchObject({
      kind: 'crash',
      error: { message: 'the first reason' },
    });
    await heard.next('child:restarted');
    await close();
    expect((await heard.next('child:exited')).reason).toEqual({ kind: 'killed' });
  });

  test('a terminate that throws is a crash', async () => {
    const { a, heard } = await start({ behaviour: { module: kinds, export: 'throwsInTerminate' } });
    a.cast('stop');
    const { reason } = await heard.next('child:exited');
    expect(reason).toMatchObject({ kind: 'crash', error: { message: 'in terminate' } });
  });
});

function tried(message: object): (a: Actor) => Promise<void> {
  return (a) => expect(a.call(message)).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
}

describe('a behaviour without handlers', () => {
  test('answers calls and update() with CALL_FAILED, and lives; a cast is an event', async () => {
    const { a, heard } = await start({ behaviour: { module: kinds, export: 'bare' } });
    const lacks = (handler: string) => ({ code: 'CALL_FAILED', message: expect.stringContaining(handler) as string });
    await expect(a.call('anything')).rejects.toMatchObject(lacks('handleCall'));
    await expect(a.update({})).rejects.toMatchObject(lacks('handleOptions'));
    a.cast('anything');
    expect(await heard.next('cast:failed')).toMatchObject({ name: 'a', code: 'CALL_FAILED' });
    expect(a.status()).toMatchObject({ state: 'running', incarnation: 1 });
  });

  test('handleContinue that is promised and not there is a crash', async () => {
    const { heard } = await start({
      behaviour: { module: kinds, export: 'continuesNowhere' },
      restart: 'temporary',
    });
    const { reason } = await heard.next('child:exited');
    expect(reason).toMatchObject({
      kind: 'crash',
      error: { message: expect.stringContaining('handleContinue') as string },
    });
  });
});

describe('update()', () => {
  test('new options are taken by handleOptions, and a restart begins with them', async () => {
    const { a, control, heard } = await start({ label: 'old' });
    await a.update({ control: control.buffer, label: 'new' });
    expect(await a.call({ do: 'label' })).toBe('new');
    a.cast({ do: 'throw' });
    await heard.next('child:restarted');
    expect(await a.call({ do: 'label' })).toBe('new');
  });

  test('options that are refused change nothing, now or at a restart', async () => {
    const { a, control, heard } = await start({ label: 'old' });
    const refused = { code: 'CALL_FAILED', message: 'no such label', cause: { code: 'E_LABEL' } };
    await expect(a.update({ control: control.buffer, label: 'refused' })).rejects.toMatchObject(refused);
    expect(await a.call({ do: 'label' })).toBe('old');
    a.cast({ do: 'throw' });
    await heard.next('child:restarted');
    expect(await a.call({ do: 'label' })).toBe('old');
  });

  test('options that can’t cross are refused here, by their path', async () => {
    const { a } = await start({ label: 'old' });
    await expect(a.update({ label: { deep: () => 1 } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: 'a.options.label.deep', came: 'a function' }],
    });
    expect(await a.call({ do: 'label' })).toBe('old');
  });
});

const badOptions: readonly (readonly [unknown, string, string])[] = [
  [null, 'options', 'null'],
  [5_000, 'options', '5000 (number)'],
  [{ timeoutMs: '5s' }, 'options.timeoutMs', "'5s' (string)"],
  [{ timeoutMs: -1 }, 'options.timeoutMs', '-1 (number)'],
  [{ timeoutMs: NaN }, 'options.timeoutMs', 'NaN (number)'],
  [{ timeoutMs: 2 ** 31 }, 'options.timeoutMs', `${2 ** 31} (number)`],
  [{ signal: 'a signal' }, 'options.signal', "'a signal' (string)"],
  [{ timeout: 5 }, 'options.timeout', 'an unknown one'],
];

test.each(badOptions)('call options %j reject with CONFIG_INVALID', async (options, path, came) => {
  const { a } = await start();
  const rejection = { code: 'CONFIG_INVALID', problems: [expect.objectContaining({ path, came }) as object] };
  await expect(a.call({ do: 'echo' }, options as never)).rejects.toMatchObject(rejection);
});
