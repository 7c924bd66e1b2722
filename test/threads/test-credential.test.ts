/**
 * A test credential is of the type of a real one: here each behaviour is asked of both, of the same answers.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { attach, credential, type AnyTokenvisorEvent, type Credential, type CredentialOptions } from 'tokenvisor';
import { createTestCredential } from 'tokenvisor/testing';
import { afterTest, cleanUp, eventually, Heard, message, supervise, thread } from '../support/supervised.js';
import { runScript } from '../support/script.js';
import { answer, type Listed } from './fixtures/listed-provider.mjs';

afterEach(cleanUp);

type Policy = Omit<CredentialOptions, 'provider' | 'options'>;

interface Subject {
  readonly api: Credential;
  readonly heard: Heard;
  readonly ready: (options?: { timeoutMs?: number }) => Promise<void>;
  readonly health: () => unknown;
  readonly close: () => Promise<void>;
}

const makeTest = (answers: readonly Listed[], policy: Policy = {}): Promise<Subject> => {
  const subject = createTestCredential(
    answers.map((listed) => () => answer(listed)),
    { name: 'api', ...policy },
  );
  const heard = new Heard();
  subject.on('event', heard.note);
  afterTest(() => subject.close());
  return Promise.resolve({
    api: subject.credential,
    heard,
    ready: (options) => subject.ready(options),
    health: () => subject.health(),
    close: () => subject.close(),
  });
};

const makeReal = async (answers: readonly Listed[], policy: Policy = {}): Promise<Subject> => {
  const provider = { module: new URL('./fixtures/listed-provider.mjs', import.meta.url), export: 'provider' };
  const { supervisor, children, heard } = await supervise({
    api: credential({ provider, options: { answers }, ...policy }),
  });
  return {
    api: children.api,
    heard,
    ready: (options) => supervisor.ready(options),
    health: () => supervisor.health().children['api'],
    close: () => supervisor.close(),
  };
};

const one: Listed = { value: 'one', expiresInS: 3_600 };
const two: Listed = { value: 'two', expiresInS: 3_600 };
const hangs: Listed = { hangs: true };
const down: Listed = { fails: 'transient', message: 'the server is down' };
const refused: Listed = { fails: 'fatal', message: 'no such client' };

const errorOf = async (run: () => unknown): Promise<unknown> => {
  try {
    await run();
  } catch (error) {
    const { name, code, message: text, child, cause } = error as Error & { code: string; child: string };
    return { name, code, message: text, child, ...(cause instanceof Error && { cause: cause.message }) };
  }
  throw new Error('Expected it to fail');
};

/** What the members of an event are. */
const shapeOf = (event: AnyTokenvisorEvent): unknown => [event.type, ...Object.keys(event).sort()];

describe.each([
  ['a test credential', makeTest],
  ['a real one', makeReal],
])('%s', (_which, make) => {
  test('before its first token', async () => {
    const { api, ready, health } = await make([hangs]);
    await eventually('the attempt to have begun', () => api.status().exchanging);
    expect(await errorOf(() => api.current())).toEqual({
      name: 'TokenvisorError',
      code: 'TOKEN_NOT_READY',
      message: "There is no token of 'api' yet: await get() or supervisor.ready() first",
      child: 'api',
    });
    expect(api.last()).toBeUndefined();
    expect(api.status()).toEqual({
      name: 'api',
      state: 'starting',
      usable: false,
      generation: 0,
      incarnation: 1,
      restarts: 0,
      attempts: 1,
      mints: 0,
      refreshes: 0,
      failures: 0,
      exchanging: true,
    });
    expect(health()).toBe('down');
    expect(await errorOf(() => ready({ timeoutMs: 20 }))).toMatchObject({ code: 'TIMEOUT', child: 'api' });
    expect(await errorOf(() => api.waitSync({ timeoutMs: 20 }))).toMatchObject({ code: 'TIMEOUT', child: 'api' });
  });

  test('with a token', async () => {
    const { api, ready, health } = await make([
      { value: 'one', expiresInS: 600, tokenType: 'DPoP', scope: 'a b', fields: { region: 'eu' } },
    ]);
    await ready();
    const token = api.current();
    expect([token.authorization, token.scopes, token.fields]).toEqual(['DPoP one', ['a', 'b'], { region: 'eu' }]);
    expect(token.expiresAtMs - token.issuedAtMs).toBe(600_000);
    expect(await api.get()).toBe(token);
    expect(api.waitSync()).toBe(token);
    expect(attach(api.handle()).current()).toMatchObject({ generation: 1, fingerprint: token.fingerprint });
    await eventually('it to say so', () => api.status().mints === 1);
    expect(api.status()).toEqual({
      name: 'api',
      state: 'fresh',
      usable: true,
      generation: 1,
      issuedAtMs: token.issuedAtMs,
      expiresAtMs: token.expiresAtMs,
      refreshAtMs: expect.any(Number) as number,
      nextAttemptAtMs: expect.any(Number) as number,
      incarnation: 1,
      restarts: 0,
      attempts: 1,
      mints: 1,
      refreshes: 0,
      failures: 0,
      exchanging: false,
    });
    expect(health()).toBe('ok');
  });

  test('a fatal answer parks it; resume() tries again', async () => {
    const { api, ready, heard } = await make([refused, one]);
    const parked = {
      name: 'TokenvisorError',
      code: 'PARKED',
      message: "'api' is parked (fatal_answer): no such client. Fix the cause, then resume() or update()",
      child: 'api',
      cause: 'no such client',
    };
    expect(await errorOf(() => api.get())).toEqual(parked);
    expect(await errorOf(() => api.current())).toEqual(parked);
    expect(await errorOf(() => ready())).toEqual(parked);
    await heard.next('child:parked');
    expect(api.status()).toMatchObject({ state: 'parked', parked: { why: 'fatal_answer' }, failures: 1 });
    await api.resume();
    expect((await api.get()).value).toBe('one');
    expect(await heard.next('child:resumed')).toMatchObject({ name: 'api', by: 'user' });
  });

  test('a transient failure is tried again; a wait that is out of time names it', async () => {
    const { api, heard } = await make([down, down, one], { retryEveryMs: 1_000 });
    await heard.next('mint:failed');
    expect(await errorOf(() => api.get({ timeoutMs: 30 }))).toEqual({
      name: 'TokenvisorError',
      code: 'TIMEOUT',
      message: "'api' had no usable token within 30 ms (state: starting): the server is down",
      child: 'api',
      cause: 'the server is down',
    });
    expect(api.status()).toMatchObject({ state: 'starting', failures: 1, lastFailure: { class: 'transient' } });
    expect(await api.get()).toMatchObject({ value: 'one', generation: 1 });
  });

  test('refresh() makes the next one, and tells of it', async () => {
    const { api, ready, heard } = await make([one, two]);
    await ready();
    const [first, second] = await Promise.all([api.refresh(), api.refresh()]);
    expect(first).toBe(second);
    expect(first).toMatchObject({ value: 'two', generation: 2 });
    await heard.next('mint:succeeded');
    await heard.next('mint:succeeded');
    const members = ['atMs', 'attempt', 'name', 'type'];
    const succeeded = ['atMs', 'attempt', 'expiresAtMs', 'generation', 'name', 'refreshAtMs', 'tookMs', 'type'];
    expect(heard.all.map(shapeOf)).toEqual([
      ['child:started', 'atMs', 'incarnation', 'name', 'type'],
      ['mint:started', ...members],
      ['mint:succeeded', ...succeeded],
      ['mint:started', ...members],
      ['mint:succeeded', ...succeeded],
    ]);
  });

  test('invalidate() takes a token from every reader, and mints another', async () => {
    const { api, heard } = await make([{ value: 'one', expiresInS: 20 }, two]);
    const token = await api.get();
    const reader = attach(api.handle());
    const next = api.invalidate(token);
    expect(await errorOf(() => reader.current())).toMatchObject({ code: 'TOKEN_NOT_READY' });
    expect(await heard.next('token:withdrawn')).toMatchObject({ generation: 1 });
    expect(await next).toMatchObject({ value: 'two', generation: 2 });
    expect(reader.current().value).toBe('two');
  });

  test('a token that has ended', async () => {
    const { api, heard } = await make([{ value: 'one', expiresInS: 2 }, hangs]);
    await api.get();
    expect(await heard.next('token:expired')).toMatchObject({ generation: 1 });
    expect(await errorOf(() => api.current())).toMatchObject({ code: 'TOKEN_EXPIRED', child: 'api' });
    expect(api.status()).toMatchObject({ state: 'expired', usable: false });
    expect(api.last()?.value).toBe('one');
  });

  test('update()', async () => {
    const { api, ready } = await make([one, two]);
    await ready();
    const wrong = await errorOf(() => api.update({ leadMs: -1 }));
    expect(wrong).toMatchObject({ code: 'CONFIG_INVALID', child: 'api' });
    expect((wrong as Error).message).toBe('Expected `api.leadMs` to be a number >= 0 and <= 86400000, got -1 (number)');
    await api.update({ leadMs: 1_000 });
    await eventually('the new options to be proved', () => api.current().value === 'two');
  });

  test('an abort ends a wait', async () => {
    const { api } = await make([hangs]);
    const controller = new AbortController();
    const waiting = errorOf(() => api.get({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await waiting).toEqual({
      name: 'TokenvisorError',
      code: 'ABORTED',
      message: 'The wait was aborted by its signal',
      cause: 'enough',
    });
  });

  test('another thread reads, waits and asks', async () => {
    const { api } = await make([one, two], { eager: false });
    const user = thread('credential-user.mjs', api.handle());
    const told = async (...order: unknown[]): Promise<unknown> => {
      user.postMessage(order);
      return message(user);
    };
    expect(await told('current')).toBe('TOKEN_NOT_READY');
    expect(await told('waitSync')).toBe('one');
    expect(await told('current')).toBe('one');
    expect(await told('refresh')).toBe('two');
    expect(api.current().value).toBe('two');
    expect(await told('get', { minTtlMs: 1 })).toBe('two');
  });

  test('its end', async () => {
    const { api, close, heard } = await make([one]);
    await api.get();
    await close();
    const stopped = { name: 'TokenvisorError', code: 'STOPPED', message: "'api' has been stopped", child: 'api' };
    for (const call of [
      () => api.current(),
      () => api.get(),
      () => api.refresh(),
      () => api.waitSync(),
      () => attach(api.handle()).current(),
    ]) {
      expect(await errorOf(call)).toEqual(stopped);
    }
    for (const call of [() => api.update({}), () => api.resume()]) {
      expect(await errorOf(call)).toMatchObject({ code: 'STOPPED' });
    }
    expect(api.last()).toBeUndefined();
    expect(api.status()).toMatchObject({ state: 'stopped', usable: false, generation: 0 });
    await heard.next('supervisor:ended');
    expect(heard.all.slice(-3).map(({ type }) => type)).toEqual(['child:exited', 'child:stopped', 'supervisor:ended']);
  });
});

test('a test credential never holds the process open; who waits for its token, by the clock of the machine, does', async () => {
  const ended = await runScript(`
    const { createTestCredential } = await import('tokenvisor/testing');
    const answers = [() => new Promise((resolve) => setTimeout(() => resolve('one'), 50).unref()), 'two'];
    const api = createTestCredential(answers).credential;
    console.log((await api.get()).value, (await api.refresh()).value, api.status().state);
    await api.resume();
  `);
  expect(ended).toMatchObject({ code: 0, stdout: 'one two fresh\n', stderr: '' });
});
