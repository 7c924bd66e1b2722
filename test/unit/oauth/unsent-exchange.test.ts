/** Exchanges that fail before their request: a single-use refresh token is not spent, and nothing is held. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { provider } from '../../../src/grants/refresh-token-provider.js';
import { readSecret } from '../../../src/secrets/references.js';
import { fileStore, refreshToken, type RefreshTokenOptions } from '../../../src/grants/refresh-token.js';
import type { ProviderContext, ProviderSession } from '../../../src/oauth/provider.js';
import { createAuthority } from '../../support/certificates.js';
import { attempt, contextOf, failureOf } from '../../support/http-context.js';
import { serve, tokenAnswer } from '../../support/http-server.js';

const root = mkdtempSync(join(tmpdir(), 'tokenvisor-unsent-'));
const sessions: ProviderSession[] = [];
afterAll(() => {
  for (const session of sessions) session.close?.();
  rmSync(root, { recursive: true });
});

let path = '';
beforeEach(() => {
  path = join(mkdtempSync(join(root, 'case-')), 'token.json');
});

const open = (
  more: Partial<RefreshTokenOptions>,
  context: Partial<ProviderContext<RefreshTokenOptions>> = {},
): ProviderSession => {
  const { options } = refreshToken({
    clientId: 'mail',
    refreshToken: 'refresh-0',
    store: fileStore(path),
    ...more,
  });
  const session = provider.open(contextOf(options, context));
  sessions.push(session);
  return session;
};

const { cert, key } = createAuthority('a client');

describe('one odd value among the endpoints for mTLS parked a single-use refresh token as ambiguous, with nothing sent', () => {
  it.each<[string, unknown]>([
    ['null in them', { token_endpoint: null }],
    ['a number in them', { token_endpoint: 7 }],
    ['a list in them', { token_endpoint: ['x'] }],
    ['null', null],
    ['a text', 'abc'],
    ['a number', 7],
    ['a list', ['token_endpoint']],
  ])('%s: left out, and the token endpoint is asked', async (_, aliases) => {
    let origin = '';
    await using server = await serve(({ path: asked }) =>
      asked.startsWith('/.well-known/')
        ? { body: { issuer: origin, token_endpoint: `${origin}/token`, mtls_endpoint_aliases: aliases } }
        : tokenAnswer({ refresh_token: 'refresh-1' }),
    );
    ({ origin } = server);
    await open({ issuer: origin, tls: { cert, key } }).mint(attempt());
    expect(server.seen.map(({ path: asked }) => asked)).toEqual(['/.well-known/oauth-authorization-server', '/token']);
    expect(readFileSync(path, 'utf8')).toContain('refresh-1');
  });
});

describe('what failed in an unforeseen way before the request was held as ambiguous', () => {
  it('is transient, and the next attempt sends the same token', async () => {
    await using server = await serve(tokenAnswer({ refresh_token: 'refresh-1' }));
    let isBroken = true;
    const secret: typeof readSecret = (reference) => {
      if (isBroken && reference === 'hidden') throw new TypeError('canary');
      return readSecret(reference);
    };
    const session = open({ tokenEndpoint: server.origin, parameters: { key: 'hidden' } }, { secret });
    const failure = await failureOf(() => session.mint(attempt()));
    expect(failure).toMatchObject({
      class: 'transient',
      reason: 'connect_failed',
      message: expect.stringMatching(/^The request to 127\.0\.0\.1:\d+ could not be made: nothing was sent$/) as string,
    });
    expect(readFileSync(path, 'utf8')).not.toContain('intent');
    isBroken = false;
    await session.mint(attempt());
    expect(server.seen.map(({ form }) => form.get('refresh_token'))).toEqual(['refresh-0']);
  });
});
