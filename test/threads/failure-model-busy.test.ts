/** The rows A17 and A18 of docs/explanation/failure-model.md: main blocked, and libuv's pool full. */
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { actor, attach, credential } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { fillPool } from '../support/full-pool.js';
import { type ScriptedServer, serve, tokenAnswer } from '../support/http-server.js';
import {
  cleanUp,
  Control,
  eventually,
  message,
  mortal,
  readAllTheTime,
  supervise,
  thread,
} from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

test('A17: main blocked: crashes, restarts and a mint go on, and every other thread reads the token', async () => {
  const [control, other] = [new Control(), new Control()];
  const { supervisor, children, heard } = await supervise({
    busy: mortal(control, { hangTimeoutMs: 300 }),
    other: actor({
      behaviour: { module: new URL('./fixtures/kinds.mjs', import.meta.url), export: 'mortal' },
      options: other.buffer,
    }),
  });
  await supervisor.ready();
  const reader = await readAllTheTime(children.busy);
  const deaths = [Death.THROW, Death.EXIT, Death.REJECT, Death.LOOP, Death.THROW];
  const killer = thread('killer.mjs', { handle: children.busy.handle(), control: control.buffer, deaths });
  await message(killer);
  const call = children.other.call('never answered');
  const down = expect(call).rejects.toMatchObject({ code: 'ACTOR_DOWN' });

  killer.postMessage('go');
  other.set(Word.DEATH, Death.EXIT);
  // No turn of main's event loop from here …
  const woken = Atomics.wait(control.words, Word.DONE, 0, 30_000);
  const { restarts, incarnation, generation } = children.busy.status();
  const { value } = children.busy.current();
  const heardMeanwhile = heard.of('child:exited').length;
  // … to here.
  expect({ woken, done: control.get(Word.DONE), heardMeanwhile }).toEqual({ woken: 'ok', done: 1, heardMeanwhile: 0 });
  expect({ restarts, incarnation, generation, value }).toEqual({
    ...{ restarts: 5, incarnation: 6 },
    ...{ generation: 2, value: 'token-2' },
  });
  await down;
  await eventually('the events', () => heard.of('child:restarted', 'busy').length === 5);
  expect(heard.of('child:exited', 'busy').map(({ reason }) => reason.kind)).toEqual([
    ...['crash', 'exit', 'crash', 'hung', 'crash'],
  ]);
  expect(await children.other.call('back')).toBe('back');
  expect(['token-1', 'token-2']).toEqual(expect.arrayContaining(Object.keys(await reader.stop())));
  expect(control.get(Word.MINTS)).toBe(2);
});

describe("A18: libuv's pool full", () => {
  /** Names that lead to this machine by its hosts file. */
  const hosts = async (): Promise<readonly string[]> => {
    const own = await lookup(hostname(), { all: true }).catch(() => []);
    return own.some(({ address }) => address.startsWith('127.')) ? ['localhost', hostname()] : ['localhost'];
  };

  const asking = (server: ScriptedServer, host: string, control: Control, eager: boolean) => {
    const { options } = clientCredentials({
      tokenEndpoint: `http://${host}:${server.port}/token`,
      clientId: 'me',
      clientSecret: 'secret',
      allowInsecureHttp: true,
    });
    return credential({
      provider: { module: new URL('./fixtures/mortal-grant.mjs', import.meta.url), export: 'clientCredentials' },
      options: { control: control.buffer, grant: options },
      eager,
    });
  };

  test('a crash, the restart and a mint at a host name are done before the pool has looked at anything', async () => {
    await using server = await serve(() => tokenAnswer({ expires_in: 3_600 }));
    for (const host of await hosts()) {
      const control = new Control();
      const { supervisor, children, heard } = await supervise({ a: asking(server, host, control, true) });
      await supervisor.ready();
      const reader = attach(children.a.handle());
      // The floor of a second is over, so that it does not count here.
      await eventually('the next second', () => Date.now() - reader.current().issuedAtMs > 1_000);
      const sentBefore = server.seen.length;
      const pool = fillPool();
      control.set(Word.DEATH, Death.THROW);
      await heard.next('child:exited');
      expect(reader.current().generation).toBe(1);
      await heard.next('child:restarted');
      expect((await children.a.refresh()).generation).toBe(2);
      expect({ host, waits: pool.canaryWaits(), requests: server.seen.length - sentBefore }).toEqual({
        ...{ host, waits: true, requests: 1 },
      });
      await cleanUp();
    }
  });

  test('a whole supervisor starts, and mints its first tokens at names that it has never heard', async () => {
    await using server = await serve(() => tokenAnswer({ expires_in: 3_600 }));
    const names = await hosts();
    const specs = Object.fromEntries(names.map((host) => [host, asking(server, host, new Control(), true)]));
    const pool = fillPool();
    const { children } = await supervise(specs);
    for (const host of names) expect((await children[host]!.get()).generation).toBe(1);
    expect(pool.canaryWaits()).toBe(true);
    expect(server.seen).toHaveLength(names.length);
  });
});
