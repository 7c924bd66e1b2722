/**
 * Rows A4 and P1 of docs/explanation/failure-model.md, against a server that takes a refresh token that comes twice for
 * stolen, and revokes all that came of it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { credential, type Credential, type CredentialStatus, type TokenSupervisor } from 'tokenvisor';
import { fileStore, refreshToken, type RefreshTokenOptions } from 'tokenvisor/providers';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { untilStats } from '../support/server-stats.js';
import { afterTest, cleanUp, Control, eventually, Heard, supervise } from '../support/supervised.js';
import { Death, Word } from '../threads/fixtures/deaths.mjs';
import { MOMENTS } from './fixtures/fatal-refresh-token.mjs';
import type { Order, Report } from './fixtures/refresh-token-process.mjs';

/** Rounds run side by side, each with a client of its own. */
const LANES = 3;

let server: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-refresh-token-'));
const clientOf = (lane: number): { clientId: string; clientSecret: string } => ({
  clientId: `mail-${lane}`,
  clientSecret: `mail-secret-${lane}`,
});

beforeAll(async () => {
  server = await startAuthorizationServer({
    accessTokenTtlS: 3_600,
    clients: Array.from({ length: LANES }, (_, lane) => clientOf(lane)),
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  await server.release();
  await cleanUp();
});

let stores = 0;
const newStore = (): string => path.join(folder, `${++stores}.json`);

/** Options with a refresh token that nobody has used. */
const authorised = async (lane = 0): Promise<Omit<RefreshTokenOptions, 'store'>> => ({
  tokenEndpoint: server.tokenEndpoint,
  ...clientOf(lane),
  refreshToken: await server.issueRefreshToken(clientOf(lane).clientId),
});

const issuedTo = async (lane: number): Promise<number> =>
  (await server.stats()).byClient[clientOf(lane).clientId]?.issued ?? 0;

/** The next answer to a client is held; resolves when its request has been carried out. */
const holdNext = async (lane = 0): Promise<() => Promise<unknown>> => {
  const before = await issuedTo(lane);
  const { clientId } = clientOf(lane);
  await server.disturb({ kind: 'hold', clientId });
  return () => untilStats(server, 'the exchange', ({ byClient }) => (byClient[clientId]?.issued ?? 0) > before);
};

const expectNoReuse = async (): Promise<void> =>
  expect(await server.stats()).toMatchObject({ reuses: 0, revokedGrants: 0 });

interface Dying {
  readonly supervisor: TokenSupervisor;
  readonly mail: Credential;
  readonly heard: Heard;
  readonly control: Control;
}

const startDying = async (grant: Omit<RefreshTokenOptions, 'store'>, kept: 'memory' | 'file'): Promise<Dying> => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise({
    mail: credential({
      provider: {
        module: new URL('../threads/fixtures/mortal-refresh-token.mjs', import.meta.url),
        export: 'provider',
      },
      options: optionsOf(control, grant, kept),
      hangTimeoutMs: 500,
      maxRestarts: 500,
    }),
  });
  await supervisor.ready();
  return { supervisor, mail: children.mail, heard, control };
};

const optionsOf = (control: Control, grant: Omit<RefreshTokenOptions, 'store'>, kept: 'memory' | 'file'): unknown => ({
  control: control.buffer,
  grant: refreshToken({ ...grant, store: kept === 'memory' ? kept : fileStore(newStore()) }).options,
});

const parked = (mail: Credential): Promise<void> => eventually('the park', () => mail.status().state === 'parked');

describe('A4: the actor dies in the exchange', () => {
  const deaths: readonly [string, (dying: Dying) => unknown][] = [
    ['throws', ({ control }) => control.set(Word.DEATH, Death.THROW)],
    ['rejects', ({ control }) => control.set(Word.DEATH, Death.REJECT)],
    ['exits', ({ control }) => control.set(Word.DEATH, Death.EXIT)],
    ['loops', ({ control }) => control.set(Word.DEATH, Death.LOOP)],
    ['is killed', ({ supervisor }) => killChildThread(supervisor, 'mail')],
    ['ends with its supervisor', ({ supervisor }) => killSupervisorThread(supervisor)],
  ];

  const dieAgainAndAgain = async (kept: 'memory' | 'file', lane: number): Promise<void> => {
    const dying = await startDying(await authorised(lane), kept);
    const { mail, heard, control } = dying;
    for (const [, die] of deaths) {
      const { value, generation } = mail.current();
      const issued = await issuedTo(lane);
      const carriedOut = await holdNext(lane);
      const outcome = expect(mail.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
      await carriedOut();
      const { incarnation } = mail.status();
      await die(dying);
      await eventually('the next incarnation', () => mail.status().incarnation > incarnation);
      await outcome;
      await heard.next('child:parked');
      expect(mail.status()).toMatchObject({
        state: 'parked',
        usable: true,
        parked: { why: 'ambiguous_exchange' },
        lastFailure: { class: 'ambiguous', reason: 'exchange_interrupted' },
      });
      expect(mail.status().parked).not.toHaveProperty('probeAtMs');
      expect(mail.current().value).toBe(value);
      // Nor does another death make it send anything.
      await killChildThread(dying.supervisor, 'mail');
      await eventually('the one after it', () => mail.status().incarnation > incarnation + 1);
      await parked(mail);
      expect(await issuedTo(lane)).toBe(issued + 1);
      await expectNoReuse();

      // Somebody authorises anew.
      await mail.update({ options: optionsOf(control, await authorised(lane), kept) });
      await eventually('the next token', () => mail.current().generation === generation + 1);
      await eventually('the end of the park', () => mail.status().state === 'fresh');
    }
    expect(heard.of('child:parked')).toHaveLength(deaths.length);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(deaths.map(() => 'rotate'));
  };

  test('again and again, kept in memory and in a file: under `hold` never a reuse', async () => {
    await Promise.all([dieAgainAndAgain('memory', 0), dieAgainAndAgain('file', 1)]);
    await expectNoReuse();
  });

  test('before the request left: resume() goes on with the same refresh token', async () => {
    const { mail, heard, control } = await startDying(await authorised(), 'file');
    // The second intent, by which time the seed, the first intent and the next token have been written.
    control.set(Word.FATAL_WRITE, -(control.get(Word.WRITES) + 1));
    const outcome = expect(mail.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
    await heard.next('child:restarted');
    await outcome;
    control.set(Word.FATAL_WRITE, 0);
    await mail.resume();
    await heard.next('mint:succeeded');
    await eventually('the next token', () => mail.current().generation === 2);
    expect((await mail.refresh()).generation).toBe(3);
    await expectNoReuse();
  });

  test('a request that is lost on its way: parked, with the actor alive; resume() goes on', async () => {
    const { mail, heard } = await startDying(await authorised(), 'memory');
    await server.disturb({ kind: 'drop', clientId: clientOf(0).clientId });
    await expect(mail.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    expect(mail.status()).toMatchObject({ parked: { why: 'ambiguous_exchange' }, restarts: 0 });
    await mail.resume();
    await eventually('the next token', () => mail.current().generation === 2);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(['user']);
    await expectNoReuse();
  });

  test('an answer that is lost: parked; the token is never sent again unasked', async () => {
    const { mail, control } = await startDying(await authorised(), 'file');
    const issued = await issuedTo(0);
    await server.disturb({ kind: 'lose', clientId: clientOf(0).clientId });
    await expect(mail.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    await expect(mail.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    expect(await issuedTo(0)).toBe(issued + 1);
    await mail.update({ options: optionsOf(control, await authorised(), 'file') });
    await eventually('the next token', () => mail.current().generation === 2);
    await expectNoReuse();
  });
});

class MailProcess {
  readonly heard = new Heard();
  readonly exited: Promise<unknown[]>;
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];

  constructor(order: Order) {
    const script = fileURLToPath(new URL('./fixtures/refresh-token-process.mjs', import.meta.url));
    this.#child = fork(script, [JSON.stringify(order)], {
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.exited = once(this.#child, 'exit');
    this.#child.on('message', (report: Report) => {
      if ('event' in report) this.heard.note(report.event);
      else this.#reports.push(report);
    });
    afterTest(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  tell(command: string): void {
    this.#child.send(command);
  }

  /** Resolves with what a command answered. */
  async done(command: string): Promise<unknown> {
    const find = (): number => this.#reports.findIndex((report) => 'done' in report && report.done === command);
    await eventually(`'${command}'`, () => find() >= 0);
    const [report] = this.#reports.splice(find(), 1);
    return (report as { value?: unknown }).value;
  }

  async ask(command: string): Promise<unknown> {
    this.tell(command);
    return this.done(command);
  }

  kill(): Promise<unknown> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }

  async close(): Promise<void> {
    this.tell('close');
    expect(await this.exited).toEqual([0, null]);
  }

  /** What the first exchange of this process has come to. */
  async outcome(): Promise<'goes on' | 'ambiguous'> {
    const event = await Promise.race([this.heard.next('mint:succeeded'), this.heard.next('child:parked')]);
    if (event.type === 'mint:succeeded') return 'goes on';
    expect(event).toMatchObject({ why: 'ambiguous_exchange' });
    return 'ambiguous';
  }
}

describe('what is no ambiguity', () => {
  test('update() in the exchange: its answer comes first, and then a mint with the new options', async () => {
    const grant = await authorised();
    const { mail, heard, control } = await startDying(grant, 'memory');
    const carriedOut = await holdNext();
    const refreshed = mail.refresh({ timeoutMs: 15_000 });
    await carriedOut();
    await mail.update({ options: optionsOf(control, { ...grant, scope: 'read' }, 'memory') });
    await server.release();
    expect(await refreshed).toMatchObject({ generation: 2, scopes: ['read', 'write'] });
    await eventually('the new options', () => mail.current().scopes.join() === 'read');
    expect(mail.current().generation).toBe(3);
    expect(heard.of('mint:failed')).toEqual([]);
    await expectNoReuse();
  });

  test('a server that is away or busy: the same token is sent when it is back', async () => {
    const { mail, heard } = await startDying(await authorised(), 'file');
    await server.leave();
    const refreshed = mail.refresh({ timeoutMs: 15_000 });
    expect((await heard.next('mint:failed')).failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    const { clientId } = clientOf(0);
    await server.disturb({ kind: 'status', status: 503, clientId });
    await server.disturb({ kind: 'status', status: 429, clientId });
    await server.comeBack();
    expect((await refreshed).generation).toBe(2);
    expect(
      heard
        .of('mint:failed')
        .map(({ failure }) => failure.status)
        .slice(-2),
    ).toEqual([503, 429]);
    expect(heard.of('child:parked')).toEqual([]);
    await expectNoReuse();
  });

  test('many who ask at once: one exchange', async () => {
    const { mail } = await startDying(await authorised(), 'memory');
    const issued = await issuedTo(0);
    const carriedOut = await holdNext();
    const asked = Promise.all(Array.from({ length: 50 }, () => mail.refresh({ timeoutMs: 15_000 })));
    await carriedOut();
    await server.release();
    expect(new Set((await asked).map(({ generation }) => generation))).toEqual(new Set([2]));
    expect(await issuedTo(0)).toBe(issued + 1);
    await expectNoReuse();
  });
});

describe('A4 under `replayOnce`', () => {
  test('the token is sent once more: a server that has not seen it goes on', async () => {
    const { mail, heard } = await startDying({ ...(await authorised()), onAmbiguous: 'replayOnce' }, 'file');
    await server.disturb({ kind: 'drop', clientId: clientOf(0).clientId });
    expect((await mail.refresh({ timeoutMs: 15_000 })).generation).toBe(2);
    expect(heard.of('mint:failed').map(({ failure }) => failure.class)).toEqual(['transient']);
    expect((await mail.refresh()).generation).toBe(3);
    await expectNoReuse();
  });

  test('and no more: one that has seen it revokes, whatever dies meanwhile', async () => {
    const strict = await startAuthorizationServer({ clients: [clientOf(0)], accessTokenTtlS: 3_600 });
    afterTest(strict.close);
    const { clientId } = clientOf(0);
    const grant = {
      ...(await authorised()),
      tokenEndpoint: strict.tokenEndpoint,
      refreshToken: await strict.issueRefreshToken(clientId),
      onAmbiguous: 'replayOnce' as const,
    };
    const { supervisor, mail, control } = await startDying(grant, 'file');
    await strict.disturb({ kind: 'hold', clientId, times: 2 });
    const outcome = expect(mail.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
    await untilStats(strict, 'the exchange', ({ tokensIssued }) => tokensIssued === 2);
    control.set(Word.DEATH, Death.EXIT);
    await untilStats(strict, 'the replay', ({ tokenRequests }) => tokenRequests === 3);
    control.set(Word.DEATH, Death.EXIT);
    await outcome;
    expect(mail.status().parked).toEqual({ why: 'ambiguous_exchange' });
    const { incarnation } = mail.status();
    await killChildThread(supervisor, 'mail');
    await eventually('the next incarnation', () => mail.status().incarnation > incarnation);
    await eventually('the park', () => mail.status().state === 'parked');
    expect(mail.current().generation).toBe(1);
    expect(await strict.stats()).toMatchObject({ tokenRequests: 3, tokensIssued: 2, reuses: 1, revokedGrants: 1 });
  });
});

describe('P1: the process', () => {
  interface Round {
    readonly moment: string;
    readonly killAt?: Order['killAt'];
    readonly expected: 'goes on' | 'ambiguous' | 'either';
    /** Lets the process come to the moment; it is killed then. */
    readonly arrive: (mail: MailProcess, carriedOut: () => Promise<unknown>) => Promise<unknown>;
    readonly holds?: boolean;
  }

  /** 12 moments that are exact, 2 while the server holds the answer, and 6 in the milliseconds of an exchange. */
  const rounds: readonly Round[] = [
    ...[1, 2].flatMap((exchange) =>
      Object.entries(MOMENTS).map(([moment, expected]) => ({
        moment: `exchange ${exchange}, ${moment}`,
        killAt: { exchange, moment },
        expected,
        arrive: (mail: MailProcess) => mail.exited,
      })),
    ),
    ...[1, 2].map((turn) => ({
      moment: `while the server delays the answer (${turn})`,
      expected: 'ambiguous' as const,
      holds: true,
      arrive: (_mail: MailProcess, carriedOut: () => Promise<unknown>) => carriedOut(),
    })),
    ...Array.from({ length: 6 }, (_, index) => ({
      moment: `${index * 3} ms after the mint has begun`,
      expected: 'either' as const,
      arrive: async (mail: MailProcess) => {
        await mail.heard.next('mint:started');
        await new Promise((resolve) => setTimeout(resolve, index * 3));
      },
    })),
  ];

  test('is killed 20 times in an exchange: the next one goes on or is parked, and the server sees no reuse', async () => {
    const outcomes: string[] = [];
    const play = async ({ moment, killAt, expected, arrive, holds }: Round, lane: number): Promise<void> => {
      const order: Order = { grant: await authorised(lane), store: newStore() };
      const mail = new MailProcess({ ...order, ...(killAt !== undefined && { killAt }) });
      let exchanged: () => Promise<unknown> = () => Promise.resolve();
      if (killAt?.exchange !== 1) {
        await mail.heard.next('mint:succeeded');
        await mail.heard.next('mint:started');
        if (holds) exchanged = await holdNext(lane);
        mail.tell('refresh');
      }
      await arrive(mail, exchanged);
      await mail.kill();
      const issued = await issuedTo(lane);

      const next = new MailProcess(order);
      const outcome = await next.outcome();
      outcomes.push(outcome);
      if (expected !== 'either') expect(`${moment}: ${outcome}`).toBe(`${moment}: ${expected}`);
      if (outcome === 'goes on') {
        expect(await next.ask('refresh')).toBe(2);
      } else {
        expect(await next.ask('status')).toMatchObject({
          state: 'parked',
          attempts: 0,
        } satisfies Partial<CredentialStatus>);
        expect(await issuedTo(lane)).toBe(issued);
      }
      await next.close();
    };
    const left = [...rounds];
    const runLane = async (lane: number): Promise<void> => {
      for (let round = left.shift(); round; round = left.shift()) await play(round, lane);
    };
    await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane)));
    expect(outcomes).toHaveLength(20);
    await expectNoReuse();
  }, 90_000);

  test('ends in an orderly way in an exchange: close() waits for it, and the next one goes on', async () => {
    const order: Order = { grant: await authorised(), store: newStore() };
    const mail = new MailProcess(order);
    await mail.heard.next('mint:succeeded');
    const carriedOut = await holdNext();
    mail.tell('refresh');
    await carriedOut();
    mail.tell('close');
    await mail.done('closing');
    // Once more over the wire and back, for a close() that does not wait.
    const issued = await issuedTo(0);
    expect(mail.running).toBe(true);
    await server.release();
    expect(await mail.exited).toEqual([0, null]);

    const next = new MailProcess(order);
    expect(await next.outcome()).toBe('goes on');
    expect(await next.ask('refresh')).toBe(2);
    expect(await issuedTo(0)).toBe(issued + 2);
    await next.close();
    await expectNoReuse();
  });

  test('ends in an exchange that outlasts its `shutdown`: the next one is parked', async () => {
    const order: Order = { grant: await authorised(), store: newStore(), shutdown: 200 };
    const mail = new MailProcess(order);
    await mail.heard.next('mint:succeeded');
    const carriedOut = await holdNext();
    mail.tell('refresh');
    await carriedOut();
    await mail.close();
    const next = new MailProcess(order);
    expect(await next.outcome()).toBe('ambiguous');
    await next.close();

    // Somebody authorises anew.
    const { refreshToken: seed } = await authorised();
    const third = new MailProcess({ ...order, grant: { ...order.grant, refreshToken: seed } });
    expect(await third.outcome()).toBe('goes on');
    await third.close();
    await expectNoReuse();
  });

  test.each([
    ['closes', (mail: MailProcess) => mail.close()],
    ['is killed', (mail: MailProcess) => mail.kill()],
  ] as const)('shares its store with no other: the second one waits until the first %s', async (_how, end) => {
    const order: Order = { grant: await authorised(), store: newStore() };
    const first = new MailProcess(order);
    await first.heard.next('mint:succeeded');
    const issued = await issuedTo(0);
    const second = new MailProcess(order);
    const { failure } = await second.heard.next('mint:failed');
    expect(failure).toMatchObject({ class: 'transient', reason: 'store_failed' });
    expect(failure.message).toContain(`locked by process ${first.pid} `);
    expect(await second.ask('status')).toMatchObject({ state: 'starting', usable: false, mints: 0 });
    // The first goes on as if nobody were there, and the second tries again and again.
    expect(await first.ask('refresh')).toBe(2);
    await second.heard.next('mint:failed');
    expect(await issuedTo(0)).toBe(issued + 1);
    await end(first);
    expect((await second.heard.next('mint:succeeded')).generation).toBe(1);
    expect(await second.ask('refresh')).toBe(2);
    await second.close();
    await expectNoReuse();
  });
});
