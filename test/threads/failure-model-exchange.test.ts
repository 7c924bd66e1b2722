/** The rows A4 to A6 of docs/explanation/failure-model.md: an actor dies over a refresh token that can be used once. */
import { afterEach, describe, expect, test } from 'vitest';
import { credential, type Credential, type TokenvisorError } from 'tokenvisor';
import { refreshToken } from 'tokenvisor/providers';
import { type ScriptedServer, serve, tokenAnswer } from '../support/http-server.js';
import { afterTest, cleanUp, Control, eventually, type Heard, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

interface Exchanging {
  readonly control: Control;
  readonly server: ScriptedServer;
  readonly child: Credential;
  readonly heard: Heard;
  /** The refresh tokens that the server was sent. */
  readonly sent: () => readonly (string | null)[];
  /** The server answers no more, or answers again. */
  readonly silence: (silent: boolean) => void;
}

/** The life of an access token: long enough to see it served while its credential is parked. */
const LIFE_S = 3;

/** A credential whose first exchange is done: the n-th answer has `access-n` and the next refresh token, `refresh-n`. */
const exchanging = async (onAmbiguous: 'hold' | 'replayOnce', lifeS = LIFE_S): Promise<Exchanging> => {
  let silent = false;
  let answered = 0;
  const server = await serve(() => {
    if (silent) return { fault: 'silence' };
    answered += 1;
    return tokenAnswer({
      access_token: `access-${answered}`,
      refresh_token: `refresh-${answered}`,
      expires_in: lifeS,
    });
  });
  afterTest(() => server.close());
  const control = new Control();
  const { options } = refreshToken({
    tokenEndpoint: `${server.origin}/token`,
    clientId: 'me',
    refreshToken: 'refresh-0',
    store: 'memory',
    onAmbiguous,
  });
  const { supervisor, children, heard } = await supervise({
    mail: credential({
      provider: { module: new URL('./fixtures/mortal-refresh-token.mjs', import.meta.url), export: 'provider' },
      options: { control: control.buffer, grant: options },
      maxRestarts: 500,
      // The test alone asks for the second exchange.
      leadMs: 0,
    }),
  });
  await supervisor.ready();
  // The seed, the intent, the next refresh token.
  expect(control.get(Word.WRITES)).toBe(3);
  return {
    control,
    server,
    child: children.mail,
    heard,
    sent: () => server.seen.map(({ form }) => form.get('refresh_token')),
    silence: (value) => (silent = value),
  };
};

/** The old token is read to its end, then PARKED; no request goes out unasked. */
const expectHeld = async ({ child, heard, sent }: Exchanging, requests: number): Promise<void> => {
  await heard.next('child:restarted');
  await eventually('the park', () => child.status().state === 'parked');
  expect(child.status()).toMatchObject({
    usable: true,
    parked: { why: 'ambiguous_exchange' },
    lastFailure: { class: 'ambiguous', reason: 'exchange_interrupted' },
  });
  expect(child.current().value).toBe('access-1');
  await eventually('the end of the token', () => !child.status().usable);
  expect(() => child.current()).toThrow(expect.objectContaining({ code: 'PARKED' }));
  await expect(child.get()).rejects.toMatchObject({ code: 'PARKED' });
  expect(sent()).toHaveLength(requests);
};

describe('A4: in the exchange', () => {
  test('under `hold` it is parked, the server sees no reuse, and resume() allows one more', async () => {
    const exchange = await exchanging('hold');
    const { control, child, sent, silence } = exchange;
    silence(true);
    const waiting = expect(child.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
    await eventually('the second request', () => sent().length === 2);
    control.set(Word.DEATH, Death.THROW);
    await expectHeld(exchange, 2);
    await waiting;
    expect(sent()).toEqual(['refresh-0', 'refresh-1']);
    silence(false);
    await child.resume();
    expect((await child.get()).value).toBe('access-2');
    expect(sent()).toEqual(['refresh-0', 'refresh-1', 'refresh-1']);
  });

  test('under `replayOnce` the token is sent once more, and never a third time', async () => {
    const exchange = await exchanging('replayOnce');
    const { control, child, sent, silence, heard } = exchange;
    silence(true);
    const waiting = expect(child.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
    await eventually('the second request', () => sent().length === 2);
    control.set(Word.DEATH, Death.EXIT);
    await heard.next('child:restarted');
    await eventually('the replay', () => sent().length === 3);
    control.set(Word.DEATH, Death.REJECT);
    await heard.next('child:restarted');
    await waiting;
    expect(child.status()).toMatchObject({ state: 'parked', parked: { why: 'ambiguous_exchange' } });
    expect(sent()).toEqual(['refresh-0', 'refresh-1', 'refresh-1']);
  });

  test('a replay that is answered un-does the harm', async () => {
    const { control, child, sent, silence, heard } = await exchanging('replayOnce');
    silence(true);
    const waiting = child.refresh({ timeoutMs: 15_000 });
    await eventually('the second request', () => sent().length === 2);
    control.set(Word.DEATH, Death.THROW);
    await heard.next('child:exited');
    silence(false);
    expect((await waiting).value).toBe('access-2');
    expect(sent()).toEqual(['refresh-0', 'refresh-1', 'refresh-1']);
    expect((await child.refresh({ timeoutMs: 15_000 })).value).toBe('access-3');
    expect(sent().at(-1)).toBe('refresh-2');
  });

  test.each([
    ['before the intent is written: nothing was sent, and the successor mints', 4, ['refresh-0', 'refresh-1']],
    ['after the intent is written, before the request: held, although nothing was sent', -4, ['refresh-0']],
  ])('%s', async (_when, fatalWrite, tokens) => {
    const exchange = await exchanging('hold');
    const { control, child, sent, heard } = exchange;
    control.set(Word.FATAL_WRITE, fatalWrite);
    const outcome = child.refresh({ timeoutMs: 15_000 }).then(
      ({ value }) => value,
      (error: unknown) => (error as TokenvisorError).code,
    );
    if (fatalWrite < 0) await expectHeld(exchange, 1);
    else await heard.next('child:restarted');
    expect(await outcome).toBe(fatalWrite < 0 ? 'PARKED' : 'access-2');
    expect(sent()).toEqual(tokens);
  });
});

test('A5: after the answer, before the new refresh token is stored: as A4', async () => {
  const exchange = await exchanging('hold');
  const { control, child, sent } = exchange;
  control.set(Word.FATAL_WRITE, 5);
  const waiting = expect(child.refresh({ timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'PARKED' });
  await expectHeld(exchange, 2);
  await waiting;
  expect(sent()).toEqual(['refresh-0', 'refresh-1']);
});

test('A5: under `replayOnce` the spent token is sent once more', async () => {
  const { control, child, sent } = await exchanging('replayOnce');
  control.set(Word.FATAL_WRITE, 5);
  expect((await child.refresh({ timeoutMs: 15_000 })).value).toBe('access-3');
  expect(sent()).toEqual(['refresh-0', 'refresh-1', 'refresh-1']);
});

test('A6: between storing the refresh token and publishing: the successor mints with the new one', async () => {
  const { control, child, sent, heard } = await exchanging('hold', 3_600);
  control.set(Word.FATAL_WRITE, -5);
  const waiting = child.refresh({ timeoutMs: 15_000 });
  expect((await heard.next('child:exited')).reason).toEqual({ kind: 'exit', code: 9 });
  expect(child.current().value).toBe('access-1');
  expect((await waiting).value).toBe('access-3');
  expect(sent()).toEqual(['refresh-0', 'refresh-1', 'refresh-2']);
  expect(heard.of('child:parked')).toEqual([]);
});
