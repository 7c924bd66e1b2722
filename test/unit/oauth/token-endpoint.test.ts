import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { provider } from '../../../src/grants/client-credentials-provider.js';
import { checkProviderSpec } from '../../../src/grants/check-provider-spec.js';
import { clientCredentials, type ClientCredentialsOptions } from '../../../src/grants/client-credentials.js';
import type { MintedToken } from '../../../src/oauth/provider.js';
import { file, literal } from '../../../src/secrets/references.js';
import { attempt, contextOf, failureOf } from '../../support/http-context.js';
import { closedPort, serve, tokenAnswer, type ScriptedAnswer } from '../../support/http-server.js';

const SECRET = 'canary: secret+%';

const mintWith = async (more: Partial<ClientCredentialsOptions>): Promise<MintedToken> => {
  const { options } = clientCredentials({ clientId: 'my client', clientSecret: SECRET, ...more });
  return provider.open(contextOf(options)).mint(attempt());
};

/** One exchange with a token endpoint that answers so. */
const exchange = async (answer: ScriptedAnswer, more: Partial<ClientCredentialsOptions> = {}) => {
  await using server = await serve(answer);
  const minted = await mintWith({ tokenEndpoint: `${server.origin}/token`, ...more });
  return { minted, request: server.seen[0]! };
};

describe('the request', () => {
  it('is a form with the grant, and the client in the header (RFC 6749 §2.3.1: form-encoded, then base64)', async () => {
    const { request } = await exchange(tokenAnswer());
    expect(request.method).toBe('POST');
    expect(request.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.fromEntries(request.form)).toEqual({ grant_type: 'client_credentials' });
    const credentials = Buffer.from(request.headers.authorization!.replace('Basic ', ''), 'base64').toString();
    expect(credentials.split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'))).toEqual([
      'my client',
      SECRET,
    ]);
  });

  it('has the client in the form, if so wished', async () => {
    const { request } = await exchange(tokenAnswer(), { clientAuthentication: 'client_secret_post' });
    expect(request.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(request.form)).toEqual({
      grant_type: 'client_credentials',
      client_id: 'my client',
      client_secret: SECRET,
    });
  });

  it('carries scope, audience, resources and extra parameters, secret ones among them', async () => {
    const { request } = await exchange(tokenAnswer(), {
      scope: ['read', 'write'],
      audience: 'https://api.example',
      resource: ['urn:a', 'urn:b'],
      parameters: { tenant: 't', empty: '', hidden: literal('h') },
    });
    expect([...request.form].sort()).toEqual(
      [
        ['audience', 'https://api.example'],
        ['empty', ''],
        ['grant_type', 'client_credentials'],
        ['hidden', 'h'],
        ['resource', 'urn:a'],
        ['resource', 'urn:b'],
        ['scope', 'read write'],
        ['tenant', 't'],
      ].sort(),
    );
  });
});

describe('a good answer', () => {
  it.each<[string, object, object]>([
    ['a number', { expires_in: 60 }, { expiresInS: 60 }],
    ['a numeric string', { expires_in: '60' }, { expiresInS: 60 }],
    ['0, for the schedule to judge', { expires_in: 0 }, { expiresInS: 0 }],
    ['negative, for the schedule to judge', { expires_in: -5 }, { expiresInS: -5 }],
    ['none', { expires_in: undefined }, {}],
    ['null, which is none', { expires_in: null }, {}],
    ['a hint', { refresh_in: 30 }, { expiresInS: 60, refreshInS: 30 }],
    ['a hint that is none', { refresh_in: 'soon' }, { expiresInS: 60 }],
    ['a scope', { scope: 'a b' }, { expiresInS: 60, scope: 'a b' }],
    ['another case', { token_type: 'bearer' }, { expiresInS: 60 }],
    ['a broken ID token, which nobody asked for', { id_token: 'x.y' }, { expiresInS: 60 }],
  ])('%s', async (_name, members, expected) => {
    const { minted } = await exchange(tokenAnswer(members));
    expect(minted).toEqual({ value: 'access-1', tokenType: 'Bearer', ...expected });
  });

  it('may say that an optional member is null, and more that nobody knows, however deep', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const body = `{"x":${deep},"access_token":"access-1","token_type":"Bearer","scope":null,"refresh_token":null}`;
    expect((await exchange({ body })).minted).toEqual({ value: 'access-1', tokenType: 'Bearer' });
  });

  it('may begin with a byte order mark', async () => {
    const body = Buffer.from(`\ufeff${JSON.stringify(tokenAnswer().body)}`);
    expect((await exchange({ body })).minted.value).toBe('access-1');
  });

  it('need not say that it is JSON', async () => {
    const answer = { ...tokenAnswer(), headers: { 'content-type': 'text/html' } };
    expect((await exchange(answer)).minted.value).toBe('access-1');
  });
});

describe('a bad answer is malformed, so transient', () => {
  it.each<[string, ScriptedAnswer]>([
    ['no JSON', { body: 'canary' }],
    ['nothing', { body: '' }],
    ['cut short', { body: '{"access_token":"canary"' }],
    ['a list', { body: [] }],
    ['null', { body: 'null' }],
    ['an expiry that is no number', tokenAnswer({ expires_in: 'soon' })],
    ['an expiry with a unit', tokenAnswer({ expires_in: '60s' })],
    ['an empty expiry', tokenAnswer({ expires_in: '' })],
    ['an expiry in a list', tokenAnswer({ expires_in: [60] })],
    ['no token', tokenAnswer({ access_token: undefined })],
    ['an empty token', tokenAnswer({ access_token: '' })],
    ['a token that is no string', tokenAnswer({ access_token: { canary: 1 } })],
    ['a line break in the token', tokenAnswer({ access_token: 'canary\r\nx-evil: 1' })],
    ['a NUL in the token', tokenAnswer({ access_token: 'canary\0' })],
    ['a token that no header can carry', tokenAnswer({ access_token: 'canary-ü' })],
    ['no type', tokenAnswer({ token_type: undefined })],
    ['another type', tokenAnswer({ token_type: 'mac' })],
    ['a type that needs a proof', tokenAnswer({ token_type: 'DPoP' })],
    ['a scope that is no string', tokenAnswer({ scope: ['canary'] })],
    ['a token that is nested', { body: `{"access_token":${'['.repeat(100_000)}${']'.repeat(100_000)}}` }],
    ['a token that no record has room for', tokenAnswer({ access_token: 'canary'.repeat(12_000) })],
    ['a scope that no record has room for', tokenAnswer({ scope: 'c '.repeat(20_000) })],
    ['a refresh token that no vault has room for', tokenAnswer({ refresh_token: 'canary'.repeat(10_000) })],
    ['another success', { ...tokenAnswer(), status: 201 }],
    ['no content', { status: 204 }],
    ['a refusal in a success that is not known to last', { body: { error: 'bad_verification_code' } }],
  ])('%s', async (_name, answer) => {
    const failure = await failureOf(() => exchange(answer));
    expect(failure).toMatchObject({ class: 'transient', reason: 'malformed_answer' });
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('canary');
  });
});

describe('a refusal', () => {
  const refusal = (status: number, error?: unknown, headers: Record<string, string> = {}): ScriptedAnswer => ({
    status,
    headers,
    body: error === undefined ? 'canary' : { error, error_description: 'canary' },
  });
  it.each<[ScriptedAnswer, object]>([
    [
      refusal(400, 'invalid_client'),
      { class: 'fatal', oauthError: 'invalid_client', reason: 'oauth_error', status: 400 },
    ],
    [refusal(401, 'invalid_client', { 'www-authenticate': 'Basic realm="canary"' }), { class: 'fatal', status: 401 }],
    [refusal(400, 'unauthorized_client'), { class: 'fatal' }],
    [refusal(400, 'unsupported_grant_type'), { class: 'fatal' }],
    [refusal(400, 'invalid_scope'), { class: 'fatal' }],
    [refusal(400, 'invalid_grant'), { class: 'fatal' }],
    [refusal(200, 'invalid_grant'), { class: 'fatal', reason: 'oauth_error', status: 200 }],
    [refusal(400, 'invalid_request'), { class: 'fatal', oauthError: 'invalid_request', reason: 'oauth_error' }],
    [refusal(400, 'can ary'), { class: 'fatal', reason: 'http_status' }],
    [refusal(400, { canary: 1 }), { class: 'fatal', reason: 'http_status' }],
    [refusal(400), { class: 'fatal', reason: 'http_status', status: 400 }],
    [refusal(401), { class: 'fatal' }],
    [refusal(403), { class: 'fatal' }],
    [refusal(404), { class: 'fatal' }],
    [refusal(408), { class: 'transient' }],
    [refusal(425), { class: 'transient' }],
    [refusal(429, undefined, { 'retry-after': '7' }), { class: 'transient', retryAfterMs: 7_000 }],
    [refusal(429, 'invalid_client'), { class: 'transient' }],
    [refusal(500), { class: 'transient', reason: 'http_status', status: 500 }],
    [refusal(500, 'invalid_grant'), { class: 'transient', reason: 'http_status' }],
    [refusal(503, 'temporarily_unavailable', { 'retry-after': '1.5' }), { class: 'transient', retryAfterMs: 1_500 }],
    [
      refusal(503, undefined, {
        date: 'Fri, 31 Dec 1999 23:59:50 GMT',
        'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT',
      }),
      { class: 'transient', retryAfterMs: 9_000 },
    ],
    [refusal(599), { class: 'transient' }],
    [refusal(302, undefined, { location: '/elsewhere' }), { class: 'transient', reason: 'http_status', status: 302 }],
    [
      { status: 400, headers: { 'content-encoding': 'br' }, body: 'x' },
      { class: 'fatal', reason: 'http_status' },
    ],
    [
      { status: 503, body: 'x'.repeat(300_000), headers: { 'retry-after': '3' } },
      { class: 'transient', reason: 'http_status', retryAfterMs: 3_000 },
    ],
    [
      { status: 503, body: 'x'.repeat(300_000), headers: { 'retry-after': `1${'0'.repeat(30)}` } },
      {
        class: 'transient',
        reason: 'http_status',
        retryAfterMs: expect.closeTo(Number.MAX_SAFE_INTEGER, -2) as number,
      },
    ],
    [
      { status: 429, fault: 'half', headers: { 'retry-after': '3' } },
      { class: 'transient', reason: 'http_status', status: 429, retryAfterMs: 3_000 },
    ],
    [
      { status: 404, fault: 'half' },
      { class: 'fatal', reason: 'http_status', status: 404 },
    ],
  ])('%j', async (answer, expected) => {
    const failure = await failureOf(() => exchange(answer));
    expect(failure).toMatchObject(expected);
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('canary');
  });

  it('of a connection is transient, and of a secret parks before anything is asked', async () => {
    const port = await closedPort();
    const down = await failureOf(() => mintWith({ tokenEndpoint: `http://127.0.0.1:${port}` }));
    expect(down).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    await using server = await serve(tokenAnswer());
    const secret = await failureOf(() => mintWith({ tokenEndpoint: server.origin, clientSecret: file('/none') }));
    expect(secret).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
    expect(server.seen).toHaveLength(0);
  });
});

describe('discovery', () => {
  const OAUTH = '/.well-known/oauth-authorization-server';
  const OIDC = '/.well-known/openid-configuration';

  /** An issuer that has its metadata at some paths. */
  const issuerWith = async (
    metadata: Record<string, (origin: string) => ScriptedAnswer>,
    act: (origin: string, paths: () => string[]) => Promise<void>,
  ): Promise<void> => {
    let origin = '';
    await using server = await serve(({ path }) => {
      if (path === '/token') return tokenAnswer();
      return metadata[path]?.(origin) ?? { status: 404 };
    });
    origin = server.origin;
    await act(origin, () => server.seen.map(({ path }) => path));
  };
  const good = (origin: string): ScriptedAnswer => ({ body: { issuer: origin, token_endpoint: `${origin}/token` } });

  it('is by RFC 8414, and once per session', () =>
    issuerWith({ [OAUTH]: good }, async (issuer, paths) => {
      const { options } = clientCredentials({ clientId: 'a', clientSecret: 'b', issuer });
      const session = provider.open(contextOf(options));
      await session.mint(attempt());
      await session.mint(attempt());
      expect(paths()).toEqual([OAUTH, '/token', '/token']);
    }));

  it.each<[string, (origin: string) => ScriptedAnswer]>([
    ['404', () => ({ status: 404 })],
    ['401', () => ({ status: 401 })],
    ['a redirect', () => ({ status: 302, headers: { location: '/login' } })],
    ['a page', () => ({ body: '<html>' })],
    ['404 with a page that is too large', () => ({ status: 404, body: 'x'.repeat(300_000) })],
  ])('is by OpenID Connect where RFC 8414 answers %s', (_name, answer) =>
    issuerWith({ [OAUTH]: answer, [OIDC]: good }, async (issuer, paths) => {
      await mintWith({ issuer });
      expect(paths()).toEqual([OAUTH, OIDC, '/token']);
    }),
  );

  it('is asked for again where what it said has led nowhere, and is then held again', () => {
    const paths = [OAUTH, '/gone', OAUTH, '/token', '/token'];
    let asked = 0;
    const metadata = (origin: string): ScriptedAnswer => {
      const answers = [`${origin}/gone`, `${origin}/token`];
      return { body: { issuer: origin, token_endpoint: answers[asked++] } };
    };
    return issuerWith({ [OAUTH]: metadata }, async (issuer, seen) => {
      const { options } = clientCredentials({ clientId: 'a', clientSecret: 'b', issuer });
      const session = provider.open(contextOf(options));
      expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ class: 'fatal', status: 404 });
      await session.mint(attempt());
      await session.mint(attempt());
      expect(seen()).toEqual(paths);
    });
  });

  it('holds as it was where it is away when it is asked for again', () => {
    let asked = 0;
    let refused = 0;
    return issuerWith(
      {
        [OAUTH]: (origin) =>
          asked++ === 0 ? { body: { issuer: origin, token_endpoint: `${origin}/token-2` } } : { status: 503 },
        '/token-2': () => (refused++ === 0 ? { status: 404 } : tokenAnswer()),
      },
      async (issuer) => {
        const { options } = clientCredentials({ clientId: 'a', clientSecret: 'b', issuer });
        const session = provider.open(contextOf(options));
        expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ class: 'fatal', status: 404 });
        expect((await session.mint(attempt())).value).toBe('access-1');
        expect(asked).toBe(2);
      },
    );
  });

  it('is by the kind that is asked for', () =>
    issuerWith({ [OAUTH]: good, [OIDC]: good }, async (issuer, paths) => {
      await mintWith({ issuer, discovery: 'oidc' });
      expect(paths()).toEqual([OIDC, '/token']);
    }));

  it('knows the path of an issuer (RFC 8414 §3.1)', () =>
    issuerWith(
      {
        [`${OAUTH}/tenant`]: (origin) => ({ body: { issuer: `${origin}/tenant`, token_endpoint: `${origin}/token` } }),
      },
      async (issuer, paths) => {
        await mintWith({ issuer: `${issuer}/tenant` });
        expect(paths()).toEqual([`${OAUTH}/tenant`, '/token']);
      },
    ));

  it('tells how the client is to authenticate', () =>
    issuerWith(
      {
        [OAUTH]: (origin) => ({
          body: {
            issuer: origin,
            token_endpoint: `${origin}/token`,
            token_endpoint_auth_methods_supported: ['client_secret_post'],
          },
        }),
      },
      async (issuer) => {
        expect((await mintWith({ issuer })).value).toBe('access-1');
      },
    ));

  it.each<
    [
      string,
      (origin: string) => ScriptedAnswer,
      { class: string; status?: number; reason?: string; retryAfterMs?: number; message?: string },
    ]
  >([
    ['another issuer', () => good('https://evil.example'), { class: 'fatal', reason: 'malformed_answer' }],
    [
      'ways to authenticate that are no list',
      (origin) => ({
        body: { issuer: origin, token_endpoint: `${origin}/token`, token_endpoint_auth_methods_supported: 5 },
      }),
      { class: 'transient', reason: 'malformed_answer' },
    ],
    [
      'an endpoint that is a file',
      (origin) => ({ body: { issuer: origin, token_endpoint: 'file:///token' } }),
      { class: 'transient', reason: 'malformed_answer' },
    ],
    [
      'an endpoint with a password',
      (origin) => ({ body: { issuer: origin, token_endpoint: origin.replace('//', '//canary:canary@') } }),
      { class: 'transient', reason: 'malformed_answer' },
    ],
    ['no endpoint', (origin) => ({ body: { issuer: origin } }), { class: 'transient', reason: 'malformed_answer' }],
    [
      'an endpoint in clear',
      (origin) => ({ body: { issuer: origin, token_endpoint: 'http://a.example/t' } }),
      { class: 'fatal', reason: 'tls_failed' },
    ],
    [
      'busy',
      () => ({ status: 503, headers: { 'retry-after': '2' } }),
      { class: 'transient', status: 503, retryAfterMs: 2_000 },
    ],
    ['nonsense', () => ({ body: 'x' }), { class: 'transient', reason: 'malformed_answer' }],
    [
      'gone',
      () => ({ status: 404 }),
      { class: 'fatal', status: 404, message: expect.stringMatching(/no metadata .* check `issuer`/) as string },
    ],
  ])('fails on metadata that is bad: %s', (_name, answer, expected) =>
    issuerWith({ [OAUTH]: answer, [OIDC]: answer }, async (issuer, paths) => {
      expect(await failureOf(() => mintWith({ issuer }))).toMatchObject(expected);
      expect(paths()).not.toContain('/token');
      if (expected.status === 503) expect(paths()).toEqual([OAUTH]); // Busy is no reason to ask elsewhere.
    }),
  );
});

describe('the spec', () => {
  const good = { issuer: 'https://a.example', clientId: 'a', clientSecret: 'canary-secret' };

  it('is data that does not print its secrets, and can be checked', () => {
    const spec = clientCredentials({ ...good, tls: { cert: 'c', key: 'canary-key' }, issuer: new URL(good.issuer) });
    expect(inspect(spec, { depth: null }) + JSON.stringify(spec)).not.toContain('canary');
    expect(spec).toMatchObject({ export: 'provider', fenceable: true });
    expect(new URL(spec.module).pathname).toMatch(/grants\/client-credentials-provider\.js$/);
    expect(checkProviderSpec(spec, 'x').problems).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['no endpoint', { issuer: undefined }, 'p'],
    ['both', { tokenEndpoint: 'https://a.example' }, 'p'],
    [
      'discovery of an endpoint',
      { issuer: undefined, tokenEndpoint: 'https://a.example', discovery: 'oidc' },
      'p.discovery',
    ],
    [
      'hosts of an endpoint',
      { issuer: undefined, tokenEndpoint: 'https://a.example', tokenEndpointHosts: ['a.example'] },
      'p.tokenEndpointHosts',
    ],
    ['no hosts', { tokenEndpointHosts: [] }, 'p.tokenEndpointHosts'],
    ...[
      '',
      'https://a.example',
      'a.example/',
      'a.example/token',
      'a@b.example',
      'a.example?x',
      'a.example#',
      'a b',
      '*.a',
    ].map((host): [string, object, string] => [
      `no host: ${host}`,
      { tokenEndpointHosts: [host] },
      'p.tokenEndpointHosts[0]',
    ]),
    ['http', { issuer: 'http://canary.example' }, 'p.issuer'],
    ['no client', { clientId: '' }, 'p.clientId'],
    ['no secret', { clientSecret: undefined }, 'p.clientSecret'],
    ['an empty secret', { clientSecret: '' }, 'p.clientSecret'],
    ['a secret that is no string', { clientSecret: { canary: 1 } }, 'p.clientSecret'],
    ['an unknown authentication', { clientAuthentication: 'password' }, 'p.clientAuthentication'],
    ['an authentication without what it needs', { clientAuthentication: 'private_key_jwt' }, 'p.clientAuthentication'],
    ['an empty scope', { scope: '' }, 'p.scope'],
    ['a scope that is none', { scope: 5 }, 'p.scope'],
    ['no resources', { resource: [] }, 'p.resource'],
    ['an own parameter', { parameters: { grant_type: 'password' } }, 'p.parameters.grant_type'],
    ['a secret parameter', { parameters: { client_secret: 'canary' } }, 'p.parameters.client_secret'],
    ['a parameter that is no string', { parameters: { x: 1 } }, 'p.parameters.x'],
    ['a certificate without a key', { tls: { cert: 'c' } }, 'p.tls'],
    ['an unknown TLS option', { tls: { rejectUnauthorized: false } }, 'p.tls.rejectUnauthorized'],
    ['no time', { timeoutMs: 0 }, 'p.timeoutMs'],
    ['too much time', { timeoutMs: 30_001 }, 'p.timeoutMs'],
    ['a slip', { clientSecert: 'canary' }, 'p.clientSecert'],
  ])('bad input: %s', (_name, change, path) => {
    const spec = clientCredentials({ ...good, ...change });
    const { problems } = checkProviderSpec(spec, 'p');
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(JSON.stringify(problems)).not.toContain('canary');
    expect(() => provider.open(contextOf(spec.options))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('of another provider is not ours to check', () => {
    const spec = { module: 'file:///x.js', export: 'default', options: { any: 1 }, fenceable: true };
    expect(checkProviderSpec(spec, 'p')).toEqual({ value: { any: 1 }, problems: [] });
    expect(checkProviderSpec(clientCredentials(undefined as never), 'p').problems).toHaveLength(1);
  });
});
