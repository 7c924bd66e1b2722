import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProviderError } from '../../../src/core/errors.js';
import { checkProviderSpec } from '../../../src/grants/check-provider-spec.js';
import { fileStore, refreshToken, type RefreshTokenOptions } from '../../../src/grants/refresh-token.js';
import { provider } from '../../../src/grants/refresh-token-provider.js';
import type { ProviderContext, ProviderSession } from '../../../src/oauth/provider.js';
import { file, literal } from '../../../src/secrets/references.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { MemoryVault, attempt, contextOf, failureOf } from '../../support/http-context.js';
import { closedPort, serve, tokenAnswer, type ScriptedAnswer, type ScriptedServer } from '../../support/http-server.js';

const root = mkdtempSync(join(tmpdir(), 'tokenvisor-grant-'));
afterAll(() => rmSync(root, { recursive: true }));

let path = '';
let vault = new MemoryVault();
beforeEach(() => {
  path = join(mkdtempSync(join(root, 'case-')), 'token.json');
  vault = new MemoryVault();
});

const sessions: ProviderSession[] = [];
afterAll(() => sessions.forEach((session) => session.close?.()));

/** Opens as an actor does: again with the same vault, and it is the next incarnation. */
const open = (
  tokenEndpoint: string,
  more: Partial<RefreshTokenOptions> = {},
  context: Partial<ProviderContext<RefreshTokenOptions>> = {},
): ProviderSession => {
  const { options } = refreshToken({
    tokenEndpoint,
    clientId: 'mail',
    refreshToken: 'refresh-0',
    store: fileStore(path),
    ...more,
  });
  const session = provider.open(contextOf(options, { vault, ...context }));
  sessions.push(session);
  return session;
};

const sentTokens = (server: ScriptedServer): (string | null)[] =>
  server.seen.map(({ form }) => form.get('refresh_token'));
const held = { class: 'ambiguous', reason: 'exchange_interrupted' };
const rotated = (n: number): ScriptedAnswer => tokenAnswer({ refresh_token: `refresh-${n}` });

describe('rotation', () => {
  it('spends each refresh token once, over sessions, incarnations and processes', async () => {
    await using server = await serve([rotated(1), rotated(2), rotated(3), rotated(4)]);
    const first = open(server.origin);
    expect(first.singleUse).toBe(true);
    expect(await first.mint(attempt())).toMatchObject({ value: 'access-1', expiresInS: 60 });
    await first.mint(attempt());
    await open(server.origin).mint(attempt());
    first.close!();
    await open(server.origin, {}, { vault: new MemoryVault() }).mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-1', 'refresh-2', 'refresh-3']);
    expect(server.seen[0]!.form.get('client_id')).toBe('mail');
    expect(readFileSync(path, 'utf8')).toContain('refresh-4');
  });

  it('keeps the old one if the answer has none', async () => {
    await using server = await serve(tokenAnswer());
    const session = open(server.origin);
    await session.mint(attempt());
    await session.mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0']);
  });

  it('has the new token in both places before the access token is handed out, and the intent before the request', async () => {
    let atRequest = '';
    await using server = await serve(() => {
      atRequest = readFileSync(path, 'utf8') + JSON.stringify(vault.read());
      return rotated(1);
    });
    const minted = open(server.origin).mint(attempt({ number: 7 }));
    await Promise.resolve(minted);
    expect(atRequest.match(/"attempt": ?7/g)).toHaveLength(2);
    expect(readFileSync(path, 'utf8')).toContain('refresh-1');
    expect(JSON.stringify(vault.read())).toContain('refresh-1');
    expect(readFileSync(path, 'utf8')).not.toContain('intent');
  });

  it("is kept in memory alone with 'memory', over a crash of the actor", async () => {
    await using server = await serve([rotated(1), rotated(2)]);
    await open(server.origin, { store: 'memory' }).mint(attempt());
    await open(server.origin, { store: 'memory' }).mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-1']);
  });

  it('takes a seed that has changed', async () => {
    await using server = await serve([rotated(1), rotated(2), rotated(3)]);
    const seed = join(path, '../seed');
    writeFileSync(seed, 'seed-a\n');
    const session = open(server.origin, { refreshToken: file(seed) });
    await session.mint(attempt());
    writeFileSync(seed, 'seed-b\n');
    await session.mint(attempt());
    await session.mint(attempt());
    expect(sentTokens(server)).toEqual(['seed-a', 'seed-b', 'refresh-2']);
  });

  it('of a reusable token has no intent, and keeps a new one all the same', async () => {
    await using server = await serve([{ fault: 'cut' }, { status: 500 }, tokenAnswer(), rotated(1), tokenAnswer()]);
    const session = open(server.origin, { rotation: 'reusable', store: undefined as never });
    expect(session.singleUse).toBe(false);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({
      class: 'transient',
      reason: 'connection_lost',
    });
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ class: 'transient', reason: 'http_status' });
    for (let n = 0; n < 3; n++) await session.mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0', 'refresh-0', 'refresh-0', 'refresh-1']);
  });
});

describe('an exchange whose outcome is not known', () => {
  const ambiguous: [string, ScriptedAnswer, RegExp][] = [
    ['a cut connection', { fault: 'cut' }, /broke/],
    ['half an answer', { fault: 'half' }, /broke/],
    ['a 500', { status: 500 }, /500/],
    ['a 502 with a body', { status: 502, body: 'canary' }, /502/],
    ['no JSON', { body: 'canary' }, /not JSON/],
    ['no access token', { body: { token_type: 'Bearer' } }, /`access_token` is missing/],
    ['an expiry that is none', tokenAnswer({ expires_in: 'soon' }), /expires_in/],
    ['an answer that is too large', { body: 'x'.repeat(300_000) }, /more than/],
    ['another success', { status: 202 }, /202/],
  ];

  it.each(ambiguous)('is held: %s', async (_name, answer, message) => {
    await using server = await serve(answer);
    const session = open(server.origin);
    const failure = await failureOf(() => session.mint(attempt()));
    expect(failure).toMatchObject(held);
    expect(failure.message).toMatch(message);
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('canary');
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    for (const survivor of [vault, new MemoryVault()]) {
      const next = open(server.origin, {}, { vault: survivor });
      expect(await failureOf(() => next.preflight!())).toMatchObject(held);
      expect(await failureOf(() => next.mint(attempt()))).toMatchObject(held);
    }
    expect(sentTokens(server)).toEqual(['refresh-0']);
  });

  it('is held: no answer in time', async () => {
    await using server = await serve({ fault: 'silence' });
    const clock = createSimulatedClock({ wallMs: Date.now() });
    const session = open(server.origin, {}, { clock });
    const failing = failureOf(() => session.mint(attempt()));
    while (server.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);
    expect(await failing).toMatchObject({ ...held, message: expect.stringContaining('its time is over') as string });
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect(server.seen).toHaveLength(1);
  });

  it('goes on with one attempt when somebody says so', async () => {
    await using server = await serve([{ fault: 'cut' }, { fault: 'cut' }, rotated(1), rotated(2)]);
    const session = open(server.origin);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect(await failureOf(() => session.mint(attempt({ resumed: true })))).toMatchObject(held);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    await session.mint(attempt({ resumed: true }));
    await session.mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0', 'refresh-0', 'refresh-1']);
  });

  it('stays open through attempts that never reached the server', async () => {
    await using server = await serve({ fault: 'cut' });
    await failureOf(() => open(server.origin).mint(attempt()));
    const down = `http://127.0.0.1:${await closedPort()}`;
    const session = open(down);
    expect(await failureOf(() => session.mint(attempt({ resumed: true })))).toMatchObject({ reason: 'connect_failed' });
    // The permission was not used up …
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ reason: 'connect_failed' });
    // … but the next incarnation has none.
    expect(await failureOf(() => open(down).preflight!())).toMatchObject(held);
  });

  it('ends with a new refresh token of the options', async () => {
    await using server = await serve([{ fault: 'cut' }, rotated(1)]);
    await failureOf(() => open(server.origin).mint(attempt()));
    const renewed = open(server.origin, { refreshToken: 'authorised anew' });
    renewed.preflight!();
    await renewed.mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'authorised anew']);
  });

  it('does not lose the next refresh token, if that can be read', async () => {
    await using server = await serve([tokenAnswer({ access_token: 'a\nb', refresh_token: 'refresh-1' }), rotated(2)]);
    const session = open(server.origin);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    await session.mint(attempt({ resumed: true }));
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-1']);
  });

  it('is replayed once, and no more, under replayOnce', async () => {
    await using server = await serve([{ fault: 'cut' }, { status: 500 }]);
    const policy = { onAmbiguous: 'replayOnce' } as const;
    const session = open(server.origin, policy);
    const first = { class: 'transient', reason: 'exchange_interrupted' };
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(first);
    const next = open(server.origin, policy);
    next.preflight!();
    expect(await failureOf(() => next.mint(attempt()))).toMatchObject(held);
    expect(await failureOf(() => next.mint(attempt()))).toMatchObject(held);
    expect(await failureOf(() => open(server.origin, policy).preflight!())).toMatchObject(held);
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0']);
  });

  it('regression: one that was replayed and refused was replayed again, once it was tried with another secret', async () => {
    await using server = await serve([
      { fault: 'cut' },
      { status: 400, body: { error: 'invalid_grant' } },
      { fault: 'cut' },
    ]);
    const policy = { onAmbiguous: 'replayOnce' } as const;
    const session = open(server.origin, policy);
    await failureOf(() => session.mint(attempt()));
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({
      class: 'fatal',
      oauthError: 'invalid_grant',
    });
    // Nothing is open now: it is not held back, nor does the next incarnation hold it.
    open(server.origin, policy).preflight!();
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0', 'refresh-0']);
  });

  it('that is sent once more by a user, and refused, is open no longer: it is not held', async () => {
    await using server = await serve([{ fault: 'cut' }, { status: 400, body: { error: 'invalid_grant' } }, rotated(1)]);
    await failureOf(() => open(server.origin).mint(attempt()));
    const refused = await failureOf(() => open(server.origin).mint(attempt({ resumed: true })));
    expect(refused).toMatchObject({ class: 'fatal', oauthError: 'invalid_grant' });
    const next = open(server.origin);
    next.preflight!();
    expect(await next.mint(attempt())).toMatchObject({ value: 'access-1' });
  });

  it('that is replayed is over with an answer, and a replay that never left does not count', async () => {
    await using server = await serve([{ fault: 'cut' }, { status: 503 }, rotated(1), rotated(2)]);
    const session = open(server.origin, { onAmbiguous: 'replayOnce' });
    await failureOf(() => session.mint(attempt()));
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ class: 'transient', status: 503 });
    await session.mint(attempt());
    await session.mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0', 'refresh-0', 'refresh-1']);
  });
});

describe('an exchange that did not take place', () => {
  it.each<[ScriptedAnswer, Partial<ProviderError>]>([
    [{ status: 503 }, { class: 'transient' }],
    [
      { status: 429, headers: { 'retry-after': '3' } },
      { class: 'transient', retryAfterMs: 3_000 },
    ],
    [{ status: 408 }, { class: 'transient' }],
    [{ status: 302 }, { class: 'transient' }],
    [{ status: 404 }, { class: 'fatal' }],
    [{ status: 400, body: { error: 'invalid_request' } }, { class: 'fatal' }],
    [{ status: 401, body: { error: 'invalid_client' } }, { class: 'fatal' }],
    [{ status: 400, body: { error: 'invalid_grant' } }, { class: 'fatal' }],
  ])('leaves the token as it was: %j', async (answer, expected) => {
    await using server = await serve([answer, rotated(1)]);
    const session = open(server.origin);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(expected);
    expect(readFileSync(path, 'utf8')).not.toContain('intent');
    await open(server.origin).mint(attempt());
    expect(sentTokens(server)).toEqual(['refresh-0', 'refresh-0']);
  });

  it('because there is no connection, no metadata or no secret', async () => {
    const down = `http://127.0.0.1:${await closedPort()}`;
    expect(await failureOf(() => open(down).mint(attempt()))).toMatchObject({ reason: 'connect_failed' });
    const issuer = { issuer: down, tokenEndpoint: undefined as never };
    expect(await failureOf(() => open(down, issuer).mint(attempt()))).toMatchObject({ reason: 'connect_failed' });
    const secret = { clientSecret: file('/none') };
    expect(await failureOf(() => open(down, secret).mint(attempt()))).toMatchObject({ reason: 'secret_unreadable' });
    expect(readFileSync(path, 'utf8')).not.toContain('intent');
  });

  it('because another credential has the store', async () => {
    await using server = await serve(rotated(1));
    open(server.origin).preflight!();
    const other = open(server.origin, {}, { name: 'other', vault: new MemoryVault() });
    const lockedOut = { class: 'transient', reason: 'store_failed', cause: { code: 'STORE_LOCKED' } };
    expect(await failureOf(() => other.preflight!())).toMatchObject(lockedOut);
    expect(await failureOf(() => other.mint(attempt()))).toMatchObject(lockedOut);
    expect(server.seen).toHaveLength(0);
  });
});

describe('the spec', () => {
  const good = { issuer: 'https://a.example', clientId: 'a', refreshToken: 'canary-refresh', store: 'memory' };

  it('is data that prints no secret; one with a file can not be fenced', () => {
    const spec = refreshToken({ ...good, store: fileStore('rel/x.json'), clientSecret: 'canary-secret' });
    expect(inspect(spec, { depth: null }) + JSON.stringify(spec)).not.toContain('canary');
    expect(spec).toMatchObject({
      fenceable: false,
      options: { store: { kind: 'file', path: join(process.cwd(), 'rel/x.json') } },
    });
    expect(refreshToken({ ...good, store: 'memory' }).fenceable).toBe(true);
    expect(checkProviderSpec(spec, 'x')).toMatchObject({
      problems: [],
      value: { rotation: 'single-use', onAmbiguous: 'hold' },
    });
    const reusable = refreshToken({ ...good, rotation: 'reusable', store: undefined as never });
    expect(checkProviderSpec(reusable, 'x')).toMatchObject({ problems: [], value: { store: 'memory' } });
  });

  it.each<[string, object, string]>([
    ['no refresh token', { refreshToken: undefined }, 'p.refreshToken'],
    ['an empty one', { refreshToken: '' }, 'p.refreshToken'],
    ['one that is no string', { refreshToken: 5 }, 'p.refreshToken'],
    ['a client secret that is not set', { clientSecret: undefined }, 'p.clientSecret'],
    ['no store', { store: undefined }, 'p.store'],
    ['a path for a store', { store: './x.json' }, 'p.store'],
    ['a store without a path', { store: fileStore('') }, 'p.store'],
    ['another rotation', { rotation: 'always' }, 'p.rotation'],
    ['another policy', { onAmbiguous: 'replay' }, 'p.onAmbiguous'],
    ['a slip', { refreshTokn: literal('canary') }, 'p.refreshTokn'],
  ])('bad input: %s', (_name, change, at) => {
    const spec = refreshToken({ ...good, ...change } as never);
    const { problems } = checkProviderSpec(spec, 'p');
    expect(problems.map((problem) => problem.path)).toEqual([at]);
    expect(JSON.stringify(problems)).not.toContain('canary');
    expect(() => provider.open(contextOf(spec.options))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
