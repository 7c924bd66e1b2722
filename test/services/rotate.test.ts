/** Secrets that rotate, end to end: real threads, and a real authorization server that changes its mind. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credential, type Credential, type TokenSupervisor } from 'tokenvisor';
import { clientCredentials, env, file, fileStore, refreshToken } from 'tokenvisor/providers';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { untilStats } from '../support/server-stats.js';
import { afterTest, cleanUp, eventually, type Heard, message, supervise } from '../support/supervised.js';
import type { Handed } from './fixtures/patient-reader.mjs';

const OVERLAP_MS = 120_000;

/** Its tokens live for longer than a test: each mint is one that was asked for. */
let server: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-rotate-'));
const clients = Array.from({ length: 24 }, (_, index) => ({
  clientId: `client-${index}`,
  clientSecret: 'the-old-one',
}));

beforeAll(async () => {
  server = await startAuthorizationServer({ accessTokenTtlS: 3_600, clients });
});
afterAll(async () => {
  await cleanUp();
  await server.close();
  rmSync(folder, { recursive: true });
});

let taken = 0;
const freshClient = (): string => clients[taken++]!.clientId;

const providerOf = (
  clientId: string,
  clientSecret: string | ReturnType<typeof env>,
): ReturnType<typeof clientCredentials> =>
  clientCredentials({ tokenEndpoint: server.tokenEndpoint, clientId, clientSecret });

/** Reads all the time, here and in another thread; the check says that no read failed, and which generations came. */
const readAllAlong = async (child: Credential): Promise<() => Promise<readonly number[]>> => {
  const url = new URL('./fixtures/patient-reader.mjs', import.meta.url);
  const worker = new Worker(url, { workerData: child.handle(), env: {}, execArgv: [] });
  afterTest(() => worker.terminate());
  await message(worker);
  const gaps: unknown[] = [];
  let reads = 0;
  const reading = setInterval(() => {
    reads += 1;
    try {
      child.current();
    } catch (error) {
      gaps.push(error);
    }
  }, 1);
  afterTest(() => clearInterval(reading));
  return async () => {
    await eventually('a few reads', () => reads > 10);
    clearInterval(reading);
    const told = message(worker) as Promise<Handed>;
    worker.postMessage('stop');
    const handed = await told;
    expect(gaps).toEqual([]);
    expect(handed.gaps).toEqual([]);
    expect(handed.reads).toBeGreaterThan(1);
    return handed.generations;
  };
};

interface Running {
  readonly clientId: string;
  readonly supervisor: TokenSupervisor;
  readonly api: Credential;
  readonly heard: Heard;
  readonly stopReading: () => Promise<readonly number[]>;
}

/** A credential with its first token, by the secret that the server knows. */
const running = async (clientId = freshClient()): Promise<Running> => {
  const { supervisor, children, heard } = await supervise({
    api: credential({ provider: providerOf(clientId, 'the-old-one'), maxRestarts: 500 }),
  });
  await supervisor.ready();
  await heard.next('mint:succeeded');
  return { clientId, supervisor, api: children.api, heard, stopReading: await readAllAlong(children.api) };
};

const minted = (api: Credential, generation: number): Promise<void> =>
  eventually(`generation ${generation}`, () => api.current().generation >= generation);

/** Which secret each attempt was made with, and what came of it. */
const attempts = (heard: Heard): string[] =>
  heard.all.flatMap((event) => {
    if (event.type === 'mint:succeeded') return [`${event.previous ? 'old' : 'new'}: good`];
    if (event.type !== 'mint:failed') return [];
    return [`${event.previous ? 'old' : 'new'}: ${event.failure.oauthError ?? event.failure.reason}`];
  });

/** At most one request a second: the unit tests count to the millisecond, here a busy machine tells of it late. */
const expectFloor = (heard: Heard): void => {
  const startedAtMs = heard.of('mint:started').map(({ atMs }) => atMs);
  startedAtMs.slice(1).forEach((atMs, i) => expect(atMs - startedAtMs[i]!).toBeGreaterThan(700));
};

describe.concurrent('an overlap', () => {
  test('the newer secret before the server knows it: the older mints, a second later, until the newer is known', async () => {
    const { clientId, api, heard, stopReading } = await running();
    await api.update({ provider: providerOf(clientId, 'the-new-one') }, { overlapMs: OVERLAP_MS });
    await minted(api, 2);
    expect((await api.refresh()).generation).toBe(3);
    await server.setSecret(clientId, 'the-new-one');
    expect((await api.refresh()).generation).toBe(4);
    expect(await stopReading()).toEqual([1, 2, 3, 4]);
    await heard.next('mint:succeeded');
    await eventually('the last event', () => attempts(heard).length === 6);
    const round = ['new: invalid_client', 'old: good'];
    expect(attempts(heard)).toEqual(['new: good', ...round, ...round, 'new: good']);
    expect(heard.of('mint:started').map(({ previous = false }) => previous)).toEqual([
      ...[false, false, true, false, true, false],
    ]);
    expect(heard.of('child:parked')).toEqual([]);
    expectFloor(heard);
    expect((await server.stats()).byClient[clientId]).toEqual({ requests: 6, issued: 4, refused: 2 });
  });

  test('after the server has forgotten the older secret: the older is not tried', async () => {
    const { clientId, api, heard, stopReading } = await running();
    await server.setSecret(clientId, 'the-new-one');
    await api.update({ provider: providerOf(clientId, 'the-new-one') }, { overlapMs: OVERLAP_MS });
    await minted(api, 2);
    expect(await stopReading()).toEqual([1, 2]);
    expect((await server.stats()).byClient[clientId]).toEqual({ requests: 2, issued: 2, refused: 0 });
    expect(heard.of('mint:failed')).toEqual([]);
  });

  test.each(['the-new-one', 'the-old-one'])(
    'both refused, then %s is accepted: no park, both tried in turn',
    async (known) => {
      const { clientId, api, heard, stopReading } = await running();
      await server.setSecret(clientId, 'neither');
      await api.update({ provider: providerOf(clientId, 'the-new-one') }, { overlapMs: OVERLAP_MS });
      await eventually('two rounds', () => attempts(heard).length >= 5);
      expect(api.status()).toMatchObject({ state: 'degraded', usable: true });
      await server.setSecret(clientId, known);
      await minted(api, 2);
      await eventually('the event', () => attempts(heard).at(-1)?.endsWith('good') === true);
      expect(attempts(heard).at(-1)).toBe(known === 'the-new-one' ? 'new: good' : 'old: good');
      const [, ...refused] = attempts(heard).slice(0, -1);
      expect(refused).toEqual(refused.map((_, i) => `${i % 2 === 0 ? 'new' : 'old'}: invalid_client`));
      expect(await stopReading()).toEqual([1, 2]);
      expect(heard.of('child:parked')).toEqual([]);
      expectFloor(heard);
    },
  );

  test('after its end a refusal parks, and the older secret is not tried', async () => {
    const { clientId, api, heard, stopReading } = await running();
    await api.update({ provider: providerOf(clientId, 'the-new-one') }, { overlapMs: 5_000 });
    const endMs = performance.now() + 5_000;
    await minted(api, 2);
    await eventually('the end of the overlap', () => performance.now() > endMs);
    await expect(api.refresh()).rejects.toMatchObject({ code: 'PARKED', cause: { oauthError: 'invalid_client' } });
    await heard.next('child:parked');
    expect(await stopReading()).toEqual([1, 2]);
    expect(attempts(heard)).toEqual(['new: good', 'new: invalid_client', 'old: good', 'new: invalid_client']);
    // It is parked, not lost: the server learns of the secret, and somebody says so.
    await server.setSecret(clientId, 'the-new-one');
    await api.resume();
    await minted(api, 3);
  });

  test.each([
    ['its actor', ({ supervisor }: Running) => killChildThread(supervisor, 'api')],
    ['the supervisor thread', ({ supervisor }: Running) => killSupervisorThread(supervisor)],
  ])('survives the death of %s, before the older secret had its turn and after', async (_whose, kill) => {
    const all = await running();
    const { clientId, api, heard, stopReading } = all;
    await api.update({ provider: providerOf(clientId, 'the-new-one') }, { overlapMs: OVERLAP_MS });
    await heard.next('mint:failed');
    const { incarnation } = api.status();
    await kill(all);
    await eventually('the next incarnation', () => api.status().incarnation > incarnation);
    await minted(api, 2);
    await kill(all);
    await eventually('the one after it', () => api.status().incarnation > incarnation + 1);
    expect((await api.refresh({ timeoutMs: 15_000 })).generation).toBe(3);
    await eventually('the event', () => attempts(heard).at(-1) === 'old: good');
    expect(heard.of('child:parked')).toEqual([]);
    expect(await stopReading()).toEqual([1, 2, 3]);
    expectFloor(heard);
  });

  test('a second update() replaces it: its older secret is the one that was new', async () => {
    const { clientId, api, heard, stopReading } = await running();
    await api.update({ provider: providerOf(clientId, 'the-second') }, { overlapMs: OVERLAP_MS });
    await minted(api, 2);
    await api.update({ provider: providerOf(clientId, 'the-third') }, { overlapMs: OVERLAP_MS });
    await eventually('two rounds', () => attempts(heard).length >= 7);
    expect(heard.of('mint:succeeded')).toHaveLength(2);
    await server.setSecret(clientId, 'the-second');
    await minted(api, 3);
    expect(await stopReading()).toEqual([1, 2, 3]);
    await eventually('the event', () => attempts(heard).at(-1) === 'old: good');
  });

  test('env() is read again, and what it was is the older secret', async () => {
    const clientId = freshClient();
    process.env['ROTATED_SECRET'] = 'the-old-one';
    afterTest(() => delete process.env['ROTATED_SECRET']);
    const { supervisor, children, heard } = await supervise({
      api: credential({ provider: providerOf(clientId, env('ROTATED_SECRET')) }),
    });
    await supervisor.ready();
    const { api } = children;
    process.env['ROTATED_SECRET'] = 'the-new-one';
    // The same options: it is the variable that has changed.
    await api.update({}, { overlapMs: OVERLAP_MS });
    await minted(api, 2);
    await eventually('the event', () => attempts(heard).at(-1) === 'old: good');
    await server.setSecret(clientId, 'the-new-one');
    expect((await api.refresh()).generation).toBe(3);
    await eventually('the event', () => attempts(heard).at(-1) === 'new: good');
  });

  test('what is no secret is new at once', async () => {
    const { clientId, api, heard } = await running();
    const { tokenEndpoint } = server;
    await api.update(
      { provider: clientCredentials({ tokenEndpoint, clientId, clientSecret: 'the-new-one', scope: 'read' }) },
      { overlapMs: OVERLAP_MS },
    );
    await minted(api, 2);
    expect(api.current().scopes).toEqual(['read']);
    await eventually('the event', () => attempts(heard).at(-1) === 'old: good');
  });
});

describe.concurrent('update()', () => {
  test('refuses an overlap that is none, with its path, and changes nothing', async () => {
    const { clientId, api, stopReading } = await running();
    const change = { provider: providerOf(clientId, 'wrong') };
    const { tokenEndpoint } = server;
    const refused = (paths: readonly string[]): unknown =>
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        child: 'api',
        problems: paths.map((at) => expect.objectContaining({ path: at }) as unknown),
      });
    for (const overlapMs of [-1, NaN, Infinity, 2_592_000_001, '5m', null, true]) {
      await expect(api.update(change, { overlapMs } as never), `${overlapMs}`).rejects.toEqual(
        refused(['options.overlapMs']),
      );
    }
    await expect(api.update(change, { overlap: 5 } as never)).rejects.toEqual(refused(['options.overlap']));
    await expect(api.update(change, 5 as never)).rejects.toEqual(refused(['options']));
    await expect(
      api.update(
        { provider: refreshToken({ tokenEndpoint, clientId, refreshToken: 'r', store: 'memory' }) },
        { overlapMs: 5 },
      ),
    ).rejects.toEqual(refused(['options.overlapMs']));
    // All problems in one error.
    await expect(api.update({ leadMs: -1 }, { overlapMs: -1 })).rejects.toEqual(
      refused(['options.overlapMs', 'api.leadMs']),
    );
    expect(await stopReading()).toEqual([1]);
    expect((await server.stats()).byClient[clientId]).toMatchObject({ requests: 1 });
  });

  test('un-parks, also where no actor lives to hear it', async () => {
    const clientId = freshClient();
    const { supervisor, children } = await supervise({
      api: credential({ provider: providerOf(clientId, 'wrong'), maxRestarts: 500 }),
    });
    const { api } = children;
    for (let generation = 1; generation <= 3; generation++) {
      await eventually('the park', () => api.status().state === 'parked');
      await Promise.all([
        killChildThread(supervisor, 'api'),
        api.update({ provider: providerOf(clientId, 'the-old-one') }),
      ]);
      await eventually('the token', () => api.status().generation === generation && !api.status().exchanging);
      expect(api.status().parked).toBeUndefined();
      await api.update({ provider: providerOf(clientId, 'wrong') });
    }
  });
});

describe.concurrent('a secret file', () => {
  const replace = (secretFile: string, secret: string): void => {
    writeFileSync(`${secretFile}.new`, `${secret}\n`);
    renameSync(`${secretFile}.new`, secretFile);
  };

  const runningOf = async (first: string): Promise<Omit<Running, 'stopReading'> & { secretFile: string }> => {
    const clientId = freshClient();
    const secretFile = path.join(folder, clientId);
    replace(secretFile, first);
    const { supervisor, children, heard } = await supervise({
      api: credential({ provider: providerOf(clientId, file(secretFile)), maxRestarts: 500 }),
    });
    return { clientId, supervisor, api: children.api, heard, secretFile };
  };

  test('that was replaced is used by the next mint', async () => {
    const { clientId, supervisor, api, heard, secretFile } = await runningOf('the-old-one');
    await supervisor.ready();
    const stopReading = await readAllAlong(api);
    await server.setSecret(clientId, 'the-new-one');
    replace(secretFile, 'the-new-one');
    expect((await api.refresh()).generation).toBe(2);
    expect(await stopReading()).toEqual([1, 2]);
    expect(heard.of('mint:failed')).toEqual([]);
  });

  test('that is replaced un-parks within two seconds', async () => {
    const { api, heard, secretFile } = await runningOf('wrong');
    await heard.next('child:parked');
    const startMs = performance.now();
    replace(secretFile, 'the-old-one');
    await heard.next('child:resumed');
    expect(performance.now() - startMs).toBeLessThan(2_000);
    expect((await api.get()).generation).toBe(1);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(['secret']);
  });

  test('that was replaced while no actor lived un-parks the next one', async () => {
    const { supervisor, api, heard, secretFile } = await runningOf('wrong');
    await heard.next('child:parked');
    const killed = killChildThread(supervisor, 'api');
    replace(secretFile, 'the-old-one');
    await killed;
    await eventually('the token', () => api.status().usable);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(['secret']);
  });
});

// One after the other: what holds the answers of the one would let go those of the other.
describe('a single-use refresh token, whose client gets another secret', () => {
  const mailProvider = (
    clientId: string,
    clientSecret: string,
    rest: Pick<Parameters<typeof refreshToken>[0], 'refreshToken' | 'store'>,
  ): ReturnType<typeof refreshToken> =>
    refreshToken({ tokenEndpoint: server.tokenEndpoint, clientId, clientSecret, ...rest });

  test.each(['memory', 'file'] as const)(
    'kept in %s: each is redeemed once, over the change and a crash in it',
    async (kept) => {
      const clientId = freshClient();
      const rest = {
        refreshToken: await server.issueRefreshToken(clientId),
        store: kept === 'memory' ? kept : fileStore(path.join(folder, `${clientId}.json`)),
      };
      const before = await server.stats();
      const { supervisor, children, heard } = await supervise({
        mail: credential({ provider: mailProvider(clientId, 'the-old-one', rest), maxRestarts: 500 }),
      });
      await supervisor.ready();
      const { mail } = children;
      const stopReading = await readAllAlong(mail);
      // In mid-exchange: its answer comes first.
      await server.disturb({ kind: 'hold', clientId });
      const refreshed = mail.refresh({ timeoutMs: 15_000 });
      await untilStats(server, 'the exchange', ({ byClient }) => byClient[clientId]?.issued === 2);
      await mail.update({ provider: mailProvider(clientId, 'the-new-one', rest) }, { overlapMs: OVERLAP_MS });
      await server.release();
      expect((await refreshed).generation).toBe(2);
      // Refused with the newer secret, then redeemed with the older.
      await minted(mail, 3);
      await mail.refresh();
      await killChildThread(supervisor, 'mail');
      expect((await mail.refresh({ timeoutMs: 15_000 })).generation).toBe(5);
      await server.setSecret(clientId, 'neither');
      const waiting = mail.refresh({ timeoutMs: 30_000 });
      await eventually('a round', () => attempts(heard).slice(-2).join() === 'new: invalid_client,old: invalid_client');
      await server.setSecret(clientId, 'the-new-one');
      expect((await waiting).generation).toBe(6);
      expect(await stopReading()).toEqual([1, 2, 3, 4, 5, 6]);
      await eventually('the last event', () => attempts(heard).at(-1) === 'new: good');
      const { byClient, reuses, revokedGrants } = await server.stats();
      expect(byClient[clientId]?.issued).toBe(6);
      expect({ reuses, revokedGrants }).toEqual({ reuses: before.reuses, revokedGrants: before.revokedGrants });
      expect(reuses).toBe(0);
      expect(heard.of('child:parked')).toEqual([]);
      expectFloor(heard);
    },
  );

  test('a token that may be spent is not sent again by a rotation; by the word of a user it is, with either secret', async () => {
    const clientId = freshClient();
    const rest = { refreshToken: await server.issueRefreshToken(clientId), store: 'memory' as const };
    const { supervisor, children, heard } = await supervise({
      mail: credential({ provider: mailProvider(clientId, 'the-old-one', rest) }),
    });
    await supervisor.ready();
    const { mail } = children;
    // It did not reach the server, but nobody can tell.
    await server.disturb({ kind: 'drop', clientId });
    await expect(mail.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    await mail.update({ provider: mailProvider(clientId, 'the-new-one', rest) }, { overlapMs: OVERLAP_MS });
    expect(mail.status().parked).toEqual({ why: 'ambiguous_exchange' });
    await mail.resume();
    await minted(mail, 2);
    await eventually('the event', () => attempts(heard).at(-1) === 'old: good');
    expect(attempts(heard).slice(2)).toEqual(['new: invalid_client', 'old: good']);
    expect((await server.stats()).reuses).toBe(0);
  });
});
