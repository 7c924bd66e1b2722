/** A ledger as its users have it: in memory, with real threads. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Transferable, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { attach } from 'tokenvisor';
import { revocationLedger, type RevocationLedgerOptions, type RevokeManyProgress } from 'tokenvisor/inbound';
import { forge, SECRET, sign } from '../support/signed-tokens.js';
import { cleanUp, eventually, message, supervise, thread } from '../support/supervised.js';

afterEach(cleanUp);

const VERIFY = { secret: SECRET, algorithms: ['HS256'] } as const;
const nowS = (): number => Math.floor(Date.now() / 1_000);

const start = async <const Options extends RevocationLedgerOptions>(options: Options) => {
  const { supervisor, heard } = await supervise({ revoked: revocationLedger(options) });
  await supervisor.ready();
  return { supervisor, heard, revoked: supervisor.children.revoked };
};

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code: unknown }).code,
  );

const ledgerThread = async (ledger: unknown, transfer: Transferable[] = []): Promise<Worker> => {
  const worker = thread('ledger-thread.mjs', { ledger }, transfer);
  expect(await message(worker)).toBe('ready');
  return worker;
};

const ask = async (worker: Worker, method: string, ...given: unknown[]): Promise<unknown> => {
  worker.postMessage({ method, given });
  const [answer] = (await once(worker, 'message')) as unknown[];
  return answer;
};

describe('revoke(token)', () => {
  test('verifies the signature, whatever exp says, and answers who was first', async () => {
    const { revoked, heard } = await start({ verify: VERIFY });
    const token = await sign(SECRET, 'HS256', { jti: 'a', sub: 'ann', exp: nowS() - 10 });
    expect(revoked.isRevoked(token)).toBe(false);
    const answers = await Promise.all([1, 2, 3, 4].map(() => revoked.revoke(token)));
    expect(answers.sort()).toEqual(['already_revoked', 'already_revoked', 'already_revoked', 'revoked']);
    expect([revoked.isRevoked(token), revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await heard.next('ledger:revoked')).toMatchObject({ name: 'revoked', jti: 'a', subject: 'ann' });
  });

  test('refuses what is not signed, or not by the key: it revokes nothing', async () => {
    const { revoked } = await start({ verify: VERIFY });
    const unsigned = forge({ alg: 'none' }, { jti: 'a' });
    const forged = await sign('another secret of thirty-two bytes..', 'HS256', { jti: 'a' });
    const nameless = await sign(SECRET, 'HS256', { sub: 'ann' });
    for (const token of [unsigned, forged, nameless, 'no token']) {
      expect(await codeOf(revoked.revoke(token))).toBe('TOKEN_REFUSED');
    }
    expect(revoked.isJtiRevoked('a')).toBe(false);
  });

  test('believes a caller who has verified it, and needs one where it has no keys', async () => {
    const { revoked } = await start({});
    const token = forge({ alg: 'none' }, { jti: 'a' });
    expect(await codeOf(revoked.revoke(token))).toBe('CONFIG_INVALID');
    expect(await revoked.revoke(token, { verified: true })).toBe('revoked');
    expect(await codeOf(revoked.revoke('no token', { verified: true }))).toBe('TOKEN_REFUSED');
    expect(revoked.isRevoked(token)).toBe(true);
  });
});

test('a malformed token is revoked, and counted; once a second that is told', async () => {
  const { revoked, heard } = await start({});
  const long = forge({ alg: 'none' }, { jti: 'x'.repeat(513) });
  for (const jti of ['', 'x'.repeat(513), undefined as never]) expect(revoked.isJtiRevoked(jti)).toBe(true);
  for (const token of ['', 'a.b', forge({}, { sub: 'ann' }), forge({}, { jti: 7 }), long, undefined as never]) {
    expect(revoked.isRevoked(token)).toBe(true);
  }
  expect(await heard.next('ledger:refused')).toMatchObject({ malformed: 9, closed: 0 });
});

describe('how long', () => {
  test('a revocation is remembered until it is expunged: not before the grace after its expiry', async () => {
    const { revoked, heard } = await start({ graceMs: 60_000 });
    const nowMs = Date.now();
    await revoked.revokeJti('gone', { expiresAtMs: nowMs - 61_000 });
    await revoked.revokeJti('kept', { expiresAtMs: nowMs - 30_000 });
    await revoked.revokeJti('for ever');
    expect((await revoked.readExpired()).map(({ jti }) => jti)).toEqual(['gone']);
    expect(await revoked.expungeExpired()).toBe(1);
    expect(['gone', 'kept', 'for ever'].map((jti) => revoked.isJtiRevoked(jti))).toEqual([false, true, true]);
    expect(await heard.next('table:expunged')).toMatchObject({ removed: 1, size: 2 });
    expect(await revoked.readExpired()).toEqual([]);
    expect(revoked.size()).toBe(2);
  });

  test('the expunger does so by itself', async () => {
    const { revoked, heard } = await start({ graceMs: 0, expungeIntervalMs: 1_000 });
    await revoked.revokeJti('gone', { expiresAtMs: Date.now() - 1_000 });
    expect(revoked.isJtiRevoked('gone')).toBe(true);
    await heard.next('table:expunged');
    expect(revoked.isJtiRevoked('gone')).toBe(false);
  });

  test('a later revocation does not bring the expiry forward, an endless one puts it off for ever', async () => {
    const { revoked } = await start({ graceMs: 0 });
    await revoked.revokeJti('a', { expiresAtMs: Date.now() + 60_000 });
    expect(await revoked.revokeJti('a', { expiresAtMs: 1 })).toBe('already_revoked');
    await revoked.expungeExpired();
    expect(revoked.isJtiRevoked('a')).toBe(true);
    expect(await revoked.revokeJti('a')).toBe('already_revoked');
    expect(await revoked.getToken({ jti: 'a' })).toMatchObject({ expiresAtMs: Infinity });
  });
});

describe('records', () => {
  test('are stored, got until they expire, and never revived', async () => {
    const { revoked } = await start({});
    const expiresAtMs = (nowS() + 60) * 1_000;
    const token = forge({}, { jti: 'a', sub: 'ann', exp: expiresAtMs / 1_000 });
    const stored = await revoked.storeToken(token, { purpose: 'user', extraData: { device: 'phone' } });
    const expected = { jti: 'a', subject: 'ann', purpose: 'user', extraData: { device: 'phone' }, expiresAtMs };
    const { createdAtMs } = stored;
    expect(stored).toEqual({ ...expected, createdAtMs, updatedAtMs: createdAtMs });
    expect(Math.abs(Date.now() - createdAtMs)).toBeLessThan(5_000);
    expect(await revoked.getToken({ jti: 'a' })).toEqual(stored);
    expect(await revoked.getToken({ token, purpose: 'user' })).toEqual(stored);
    expect(await revoked.getToken({ token, purpose: 'reset' })).toBeUndefined();
    expect(await revoked.getToken({ jti: 'b' })).toBeUndefined();
    expect(revoked.isRevoked(token)).toBe(false);
    await revoked.revokeJti('a');
    await revoked.storeToken(token, { purpose: 'user' });
    expect(revoked.isRevoked(token)).toBe(true);
    expect(await revoked.getToken({ jti: 'a' })).toHaveProperty('revokedAtMs');
    await revoked.storeToken(forge({}, { jti: 'old', exp: nowS() - 1 }), { purpose: 'user' });
    expect(await revoked.getToken({ jti: 'old' })).toBeUndefined();
  });

  test('changes wait for their token, and not for one that is revoked', async () => {
    const { revoked } = await start({});
    const token = forge({}, { jti: 'a', sub: 'ann', exp: nowS() + 60 });
    await revoked.storeConfirmationChanges(token, { purpose: 'confirm', changes: { mail: 'ann@example.com' } });
    expect(await revoked.getConfirmationChanges('a')).toEqual({ mail: 'ann@example.com' });
    expect(await revoked.getConfirmationChanges('b')).toBeUndefined();
    await revoked.revokeJti('a');
    expect(await revoked.getConfirmationChanges('a')).toBeUndefined();
  });

  test('of which only JSON is kept, and not too much of it', async () => {
    const { revoked } = await start({});
    const token = forge({}, { jti: 'a' });
    const store = (extraData: unknown) => codeOf(revoked.storeToken(token, { purpose: 'user', extraData }));
    expect(await store(10n)).toBe('CONFIG_INVALID');
    expect(await store('x'.repeat(65_537))).toBe('CONFIG_INVALID');
    expect(await store(new Map())).toBe('no error');
    expect(await codeOf(revoked.storeToken('no token', { purpose: 'user' }))).toBe('TOKEN_REFUSED');
    expect(await codeOf(revoked.revokeJti(''))).toBe('CONFIG_INVALID');
    expect(await codeOf(revoked.revokeJti('x'.repeat(513)))).toBe('CONFIG_INVALID');
    expect(await codeOf(revoked.revokeJti('a', { expiresAtMs: NaN }))).toBe('CONFIG_INVALID');
  });
});

describe('revokeAllForSubject', () => {
  const tokens = ['web', 'phone', 'reset'].map((jti) => forge({}, { jti, sub: 'ann', iat: nowS() }));

  test('revokes all that are stored for the subject, and nothing else', async () => {
    const { revoked, heard } = await start({});
    for (const token of tokens) await revoked.storeToken(token, { purpose: 'user' });
    await revoked.storeToken(forge({}, { jti: 'bob', sub: 'bob' }), { purpose: 'user' });
    await revoked.revokeJti('web');
    expect(await revoked.revokeAllForSubject('ann')).toEqual({ revoked: 2 });
    expect(tokens.map((token) => revoked.isRevoked(token))).toEqual([true, true, true]);
    expect(revoked.isJtiRevoked('bob')).toBe(false);
    expect(await revoked.revokeAllForSubject('ann')).toEqual({ revoked: 0 });
    await heard.next('ledger:revoked');
    expect(await heard.next('ledger:revoked')).toMatchObject({ jti: 'phone', subject: 'ann', purpose: 'user' });
  });

  test('of some purposes, or of all but some', async () => {
    const { revoked } = await start({});
    await revoked.storeToken(tokens[0]!, { purpose: 'user' });
    await revoked.storeToken(tokens[1]!, { purpose: 'user' });
    await revoked.storeToken(tokens[2]!, { purpose: 'reset' });
    expect(await revoked.revokeAllForSubject('ann', { includePurposes: ['reset'] })).toEqual({ revoked: 1 });
    expect(tokens.map((token) => revoked.isRevoked(token))).toEqual([false, false, true]);
    expect(await revoked.revokeAllForSubject('ann', { excludePurposes: ['reset'] })).toEqual({ revoked: 2 });
  });

  test('with cutoffs, revokes what was issued up to now as well, stored or not', async () => {
    const { revoked, heard } = await start({ cutoffs: true, maxTokenLifetimeMs: 3_600_000 });
    const { issuedBeforeMs = 0 } = await revoked.revokeAllForSubject('ann');
    expect(issuedBeforeMs % 1_000).toBe(0);
    const issuedAtMs = issuedBeforeMs - 1_000;
    expect(revoked.isJtiRevoked(randomUUID(), { subject: 'ann', issuedAtMs })).toBe(true);
    expect(revoked.isJtiRevoked(randomUUID(), { subject: 'ann', issuedAtMs: issuedAtMs + 999 })).toBe(true);
    expect(revoked.isJtiRevoked(randomUUID(), { subject: 'ann', issuedAtMs: issuedBeforeMs })).toBe(false);
    expect(revoked.isJtiRevoked(randomUUID(), { subject: 'ann' })).toBe(true);
    expect(revoked.isJtiRevoked(randomUUID(), { subject: 'bob' })).toBe(false);
    expect(revoked.isJtiRevoked(randomUUID(), { subject: undefined })).toBe(false);
    const tokenOf = (iat: number | undefined, sub = 'ann') => forge({}, { jti: randomUUID(), sub, iat });
    const iat = issuedAtMs / 1_000;
    const seen = [tokenOf(iat), tokenOf(iat + 1), tokenOf(undefined), tokenOf(iat, 'bob')].map((t) =>
      revoked.isRevoked(t),
    );
    expect(seen).toEqual([true, false, true, false]);
    expect(await heard.next('ledger:subject-revoked')).toMatchObject({ subject: 'ann', issuedBeforeMs });
  });

  test('a cutoff counts for as long as tokens live, and the grace', async () => {
    const { revoked } = await start({ cutoffs: true, maxTokenLifetimeMs: 1_000, graceMs: 0 });
    await revoked.revokeAllForSubject('ann');
    expect(revoked.isJtiRevoked('a', { subject: 'ann' })).toBe(true);
    await eventually('its end', () => !revoked.isJtiRevoked('a', { subject: 'ann' }));
    expect(await revoked.expungeExpired()).toBe(1);
    expect(revoked.size()).toBe(0);
  });

  test('with cutoffs, claims are required', async () => {
    const { revoked } = await start({ cutoffs: true, maxTokenLifetimeMs: 1_000 });
    for (const claims of [undefined, null, {}, { subject: 7 }, 'ann']) {
      // @ts-expect-error -- by type, and at run time
      expect(() => revoked.isJtiRevoked('a', claims)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
    // @ts-expect-error -- by type, and at run time
    expect(() => revoked.isJtiRevoked('a')).toThrow('the claims of the token');
    // Nobody could have revoked all tokens of such a subject.
    expect(revoked.isJtiRevoked('a', { subject: 'x'.repeat(513) })).toBe(true);
  });

  test('with purposes, makes no cutoff: only what is stored has a purpose', async () => {
    const { revoked } = await start({ cutoffs: true, maxTokenLifetimeMs: 60_000 });
    expect(await revoked.revokeAllForSubject('ann', { excludePurposes: [] })).toEqual({ revoked: 0 });
    expect(revoked.isJtiRevoked('a', { subject: 'ann' })).toBe(false);
  });
});

test('requireStored: a token that was never stored is not accepted', async () => {
  const { revoked } = await start({ requireStored: true });
  const token = forge({}, { jti: 'a', sub: 'ann' });
  expect(revoked.isRevoked(token)).toBe(true);
  await revoked.storeToken(token, { purpose: 'user' });
  expect(revoked.isRevoked(token)).toBe(false);
  await revoked.revoke(token, { verified: true });
  expect(revoked.isRevoked(token)).toBe(true);
});

describe('revokeMany', () => {
  test('verifies them in threads of their own, and tells how far it is', async () => {
    const { revoked } = await start({ verify: VERIFY });
    const good = await Promise.all(Array.from({ length: 1_200 }, (_, at) => sign(SECRET, 'HS256', { jti: `t${at}` })));
    const tokens = [...good, 'no token', good[0]!];
    const progress: RevokeManyProgress[] = [];
    const result = await revoked.revokeMany(tokens, { onProgress: (each) => progress.push(each) });
    expect(result).toEqual({ revoked: 1_200, alreadyRevoked: 1, refused: 1, refusedAt: [1_200] });
    expect(progress.map((each) => each.revoked)).toEqual([500, 1_000, 1_200]);
    expect(good.every((token) => revoked.isRevoked(token))).toBe(true);
    expect(await revoked.revokeMany(good.slice(0, 3))).toMatchObject({ revoked: 0, alreadyRevoked: 3 });
  });

  test('does not keep its actor from anything else, however many there are', async () => {
    // An actor whose heartbeat has to wait for all of them would be ended.
    const { revoked } = await start({ hangTimeoutMs: 1_000 });
    const many = function* () {
      for (let at = 0; at < 60_000; at += 1) yield forge({}, { jti: `t${at}` });
    };
    expect(await revoked.revokeMany(many(), { verified: true })).toMatchObject({ revoked: 60_000 });
    expect(revoked.status()).toMatchObject({ incarnation: 1, size: 60_000 });
  });

  test('takes them as they come, and stops when it is told to, with what it has done', async () => {
    const { revoked } = await start({});
    const controller = new AbortController();
    const source = async function* () {
      for (let at = 0; at < 500; at += 1) yield forge({}, { jti: `t${at}` });
      await eventually('the first batch', () => revoked.isJtiRevoked('t499'));
      controller.abort();
      await new Promise(() => undefined);
    };
    const many = revoked.revokeMany(source(), { verified: true, signal: controller.signal });
    await expect(many).rejects.toMatchObject({ code: 'ABORTED' });
    expect(revoked.size()).toBe(500);
  });
});

test('a stop in the middle of a verified revokeMany ends it, and does not wait for its time', async () => {
  const { supervisor, heard, revoked } = await start({ verify: VERIFY });
  const token = await sign(SECRET, 'HS256', { jti: 'a' });
  const endless = function* () {
    for (;;) yield token;
  };
  let isUnderWay = false;
  const many = revoked.revokeMany(endless(), { onProgress: () => (isUnderWay = true) });
  const refused = expect(many).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  await eventually('the first batch', () => isUnderWay);
  await supervisor.close({ timeoutMs: 5_000 });
  expect(await heard.next('child:exited')).toMatchObject({ reason: { kind: 'shutdown' } });
  await refused;
});

describe('other threads', () => {
  test('see what is revoked as soon as it is answered, by any of them; one of those who revoke at once is first', async () => {
    const { revoked } = await start({});
    const writers = [await revoked.writer(), await revoked.writer()];
    const threads = await Promise.all(writers.map((writer) => ledgerThread(writer, [writer.port])));
    const reader = await ledgerThread(revoked.handle());
    const own = attach(revoked.handle());
    for (let round = 0; round < 20; round += 1) {
      const jti = randomUUID();
      expect(await ask(reader, 'isJtiRevoked', jti)).toEqual({ value: false });
      const asked = [...threads.map((each) => ask(each, 'revokeJti', jti)), revoked.revokeJti(jti)];
      const answers = await Promise.all(asked);
      const values = answers.map((answer) =>
        typeof answer === 'string' ? answer : (answer as { value: string }).value,
      );
      expect(values.filter((value) => value === 'revoked')).toHaveLength(1);
      expect([own.isJtiRevoked(jti), revoked.isJtiRevoked(jti)]).toEqual([true, true]);
      expect(await ask(reader, 'isJtiRevoked', jti)).toEqual({ value: true });
    }
  });

  test('have the cutoffs and the allow-list of its options, and what is none of its handles is refused', async () => {
    const { revoked } = await start({ cutoffs: true, maxTokenLifetimeMs: 60_000, requireStored: true });
    const worker = await ledgerThread(revoked.handle());
    expect(await ask(worker, 'isJtiRevoked', 'a')).toEqual({ code: 'CONFIG_INVALID' });
    expect(await ask(worker, 'isJtiRevoked', 'a', { subject: 'ann' })).toEqual({ value: true });
    const { cutoffs: _, ...part } = revoked.handle();
    expect(() => attach(part as never)).toThrow(expect.objectContaining({ code: 'LAYOUT_MISMATCH' }));
    expect(() => attach({ ...revoked.handle(), table: undefined } as never)).toThrow(
      expect.objectContaining({ name: 'TokenvisorError' }),
    );
  });
});

test('a ledger that has been stopped knows nothing: all is revoked; when it is started again, it is empty and open', async () => {
  const { supervisor, revoked } = await start({ shutdown: 'brutal' });
  expect([revoked.isJtiRevoked('a'), revoked.status().open]).toEqual([false, true]);
  await supervisor.terminateChild('revoked');
  expect([revoked.isJtiRevoked('a'), revoked.status().open]).toEqual([true, false]);
  await supervisor.restartChild('revoked');
  await supervisor.ready();
  expect(revoked.isJtiRevoked('a')).toBe(false);
  await supervisor.close();
  expect(revoked.isJtiRevoked('a')).toBe(true);
});

test('all that is wrong with the options is told at once', async () => {
  const options = {
    graceMs: -1,
    cutoffs: true,
    maxStalenessMs: 1_999,
    store: { module: 'nowhere' },
    verify: {},
    maxEntries: 0,
  };
  const error: unknown = await supervise({ revoked: revocationLedger(options as never) }).catch(
    (thrown: unknown) => thrown,
  );
  const paths = (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
  expect(new Set(paths)).toEqual(
    new Set([
      ...[
        'revoked.graceMs',
        'revoked.maxStalenessMs',
        'revoked.store.module',
        'revoked.verify',
        'revoked.verify.algorithms',
      ],
      ...['revoked.maxEntries', 'revoked.maxTokenLifetimeMs'],
    ]),
  );
  const without = supervise({ revoked: revocationLedger({ maxTokenLifetimeMs: 1_000 }) });
  await expect(without).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
