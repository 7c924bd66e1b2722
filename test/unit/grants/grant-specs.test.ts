/** The further grants as data: every bad option with its place, and no secret in print. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  clientCredentials,
  env,
  file,
  googleServiceAccount,
  jwtBearer,
  literal,
  refreshToken,
  tokenExchange,
  tokenOf,
} from '../../../src/grants/index.js';
import { checkProviderSpec } from '../../../src/grants/check-provider-spec.js';

const CANARY = 'canary-d41d8cd98f00b204e9800998ecf8427e';
const tokenEndpoint = 'https://issuer.example/token';
const key = { privateKey: literal(CANARY), issuer: 'reports' };

type Problem = readonly [path: string, expected: string, came: string];

const problemsOf = (spec: Parameters<typeof checkProviderSpec>[0]) => {
  const { problems } = checkProviderSpec(spec, 'a.provider');
  expect(JSON.stringify(problems)).not.toContain('canary');
  return problems;
};
const toldAs = (...problems: readonly Problem[]) =>
  problems.map(([path, expected, came]) => ({ path: `a.provider${path && `.${path}`}`, expected, came }));

describe('jwtBearer', () => {
  const spec = (change: object) => jwtBearer({ tokenEndpoint, assertion: key, ...change });
  const ofKey = (change: object) => spec({ assertion: { ...key, ...change } });

  it.each<[string, object]>([
    ['a key alone', {}],
    [
      'all of it',
      { assertion: { ...key, subject: 's', audience: 'a', lifetimeMs: 10_000, claims: { a: [1, null, { b: 'c' }] } } },
    ],
    ['an assertion', { assertion: file('/run/assertion') }],
    ['an assertion as a text', { assertion: CANARY }],
    ["another credential's token", { assertion: tokenOf('identity') }],
  ])('takes %s', (_what, change) => {
    expect(problemsOf(spec(change))).toEqual([]);
  });

  const lifetime = 'a number >= 10000 and <= 3600000';
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  it.each<[string, object, ...Problem]>([
    [
      'no assertion',
      { assertion: undefined },
      'assertion',
      'an object with a `privateKey`, or a secret or tokenOf() that is an assertion',
      'nothing',
    ],
    [
      'a number',
      { assertion: 7 },
      'assertion',
      'an object with a `privateKey`, or a secret or tokenOf() that is an assertion',
      'a number',
    ],
    [
      'an empty text',
      { assertion: '' },
      'assertion',
      'an object with a `privateKey`, or a secret or tokenOf() that is an assertion',
      'an empty string',
    ],
    [
      'no key',
      { assertion: { issuer: 'x' } },
      'assertion.privateKey',
      'a secret: env(), file() or a non-empty string',
      'nothing',
    ],
    [
      'a token for a key',
      { assertion: { ...key, privateKey: tokenOf('x') } },
      'assertion.privateKey',
      'a secret: env(), file() or a non-empty string',
      'an instance of TokenReference',
    ],
    ['no issuer', { assertion: { privateKey: 'x' } }, 'assertion.issuer', 'a non-empty string', 'nothing'],
    [
      'an empty subject',
      { assertion: { ...key, subject: '' } },
      'assertion.subject',
      'a non-empty string',
      "'' (string)",
    ],
    [
      'a life too short',
      { assertion: { ...key, lifetimeMs: 9_999 } },
      'assertion.lifetimeMs',
      lifetime,
      '9999 (number)',
    ],
    [
      'a life too long',
      { assertion: { ...key, lifetimeMs: 3_600_001 } },
      'assertion.lifetimeMs',
      lifetime,
      '3600001 (number)',
    ],
    ['claims that are a list', { assertion: { ...key, claims: [] } }, 'assertion.claims', 'an object', 'a list of 0'],
    [
      'a claim that is no JSON',
      { assertion: { ...key, claims: { at: new Date(0) } } },
      'assertion.claims.at',
      'JSON',
      'an instance of Date',
    ],
    [
      'a claim that goes round',
      { assertion: { ...key, claims: { cyclic } } },
      'assertion.claims.cyclic',
      'JSON',
      'a list of 1',
    ],
    [
      'a claim that is no number',
      { assertion: { ...key, claims: { n: NaN } } },
      'assertion.claims.n',
      'JSON',
      'NaN (number)',
    ],
    [
      'a claim that is left out',
      { assertion: { ...key, claims: { n: undefined } } },
      'assertion.claims.n',
      'JSON',
      'nothing',
    ],
    [
      'an option of clients in it',
      { assertion: { ...key, clientId: 'x' } },
      'assertion.clientId',
      'a known option (one of `privateKey`, `keyId`, `algorithm`, `issuer`, `subject`, `audience`, `lifetimeMs`, `claims`)',
      'an unknown one',
    ],
    ['no endpoint', { tokenEndpoint: undefined }, '', 'an object with either `issuer` or `tokenEndpoint`', 'neither'],
    [
      'an extra parameter of the grant',
      { parameters: { assertion: 'x' } },
      'parameters.assertion',
      'left to the grant',
      'an extra parameter of that name',
    ],
  ])('refuses %s', (_what, change, ...problem) => {
    expect(problemsOf(spec(change))).toEqual(toldAs(problem));
  });

  it.each(['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'])('leaves the claim %s to the grant', (name) => {
    expect(problemsOf(ofKey({ claims: { [name]: 1, other: 1 } }))).toEqual(
      toldAs([`assertion.claims.${name}`, 'left to the grant', 'a further claim of that name']),
    );
  });
});

describe('tokenExchange', () => {
  const spec = (change: object) => tokenExchange({ tokenEndpoint, subjectToken: tokenOf('user'), ...change });

  it.each<[string, object]>([
    ['a token of another credential', {}],
    [
      'a token of the environment, and an actor',
      { subjectToken: env('T'), actorToken: CANARY, actorTokenType: 'urn:x' },
    ],
    ['all types', { subjectTokenType: 'urn:a', requestedTokenType: 'urn:b' }],
  ])('takes %s', (_what, change) => {
    expect(problemsOf(spec(change))).toEqual([]);
  });

  const token = 'a token: tokenOf(), env(), file() or a non-empty string';
  it.each<[string, object, ...Problem]>([
    ['no subject', { subjectToken: undefined }, 'subjectToken', token, 'nothing'],
    ['an empty subject', { subjectToken: '' }, 'subjectToken', token, 'an empty string'],
    ['a subject that is an object', { subjectToken: { value: CANARY } }, 'subjectToken', token, 'an object'],
    ['an actor that is a number', { actorToken: 7 }, 'actorToken', token, 'a number'],
    [
      'the type of an actor that is not there',
      { actorTokenType: 'urn:x' },
      'actorTokenType',
      'absent without an `actorToken`',
      'a value',
    ],
    ['an empty type', { subjectTokenType: '' }, 'subjectTokenType', 'a non-empty string', "'' (string)"],
    ['a wanted type that is none', { requestedTokenType: 7 }, 'requestedTokenType', 'a non-empty string', '7 (number)'],
    [
      'an extra parameter of the grant',
      { parameters: { subject_token: 'x' } },
      'parameters.subject_token',
      'left to the grant',
      'an extra parameter of that name',
    ],
  ])('refuses %s', (_what, change, ...problem) => {
    expect(problemsOf(spec(change))).toEqual(toldAs(problem));
  });

  it('tells the place at the top as well', () => {
    const { problems } = checkProviderSpec(spec({ actorTokenType: 'urn:x', parameters: { scope: 'x' } }), '');
    expect(problems.map(({ path }) => path).sort()).toEqual(['actorTokenType', 'parameters.scope']);
  });
});

describe('googleServiceAccount', () => {
  const spec = (change: object) => googleServiceAccount({ keyFile: file('/run/key.json'), scope: 'read', ...change });

  it.each<[string, object]>([
    ['a file', {}],
    ['its text', { keyFile: CANARY }],
    ['a user, a list of scopes and an endpoint', { subject: 'anne', scope: ['a', 'b'], tokenEndpoint }],
  ])('takes %s', (_what, change) => {
    expect(problemsOf(spec(change))).toEqual([]);
  });

  it.each<[string, object, ...Problem]>([
    ['no key file', { keyFile: undefined }, 'keyFile', 'a secret: env(), file() or a non-empty string', 'nothing'],
    [
      'a key file that was parsed',
      { keyFile: { private_key: CANARY } },
      'keyFile',
      'a secret: env(), file() or a non-empty string',
      'an object',
    ],
    ['no scope', { scope: undefined }, 'scope', 'a string or a list of strings', 'nothing'],
    ['no scopes', { scope: [] }, 'scope', 'a string or a list of strings', 'a list of 0'],
    ['an empty subject', { subject: '' }, 'subject', 'a non-empty string', "'' (string)"],
    [
      'an endpoint in clear',
      { tokenEndpoint: 'http://issuer.example/' },
      'tokenEndpoint',
      'an https URL (or http to localhost; see `allowInsecureHttp`)',
      'a URL that begins with http://',
    ],
    ['a time too short', { timeoutMs: 99 }, 'timeoutMs', 'a number >= 100 and <= 30000', '99 (number)'],
    [
      'a client',
      { clientId: 'x' },
      'clientId',
      'a known option (one of `keyFile`, `scope`, `subject`, `tokenEndpoint`, `tls`, `allowInsecureHttp`, `timeoutMs`)',
      'an unknown one',
    ],
  ])('refuses %s', (_what, change, ...problem) => {
    expect(problemsOf(spec(change))).toEqual(toldAs(problem));
  });
});

describe('a spec', () => {
  const tls = { ca: 'a public one', cert: 'a public one', key: CANARY };
  const common = { tokenEndpoint, clientId: 'reports', tls };
  const jwk = { kty: 'EC', d: CANARY };
  it.each<[string, unknown]>([
    ['clientSecret', clientCredentials({ ...common, clientSecret: CANARY })],
    ['clientAssertion', clientCredentials({ ...common, clientAssertion: CANARY })],
    ['clientAssertion.privateKey', clientCredentials({ ...common, clientAssertion: { privateKey: CANARY } })],
    ['refreshToken', refreshToken({ ...common, refreshToken: CANARY, store: 'memory' })],
    ['assertion', jwtBearer({ ...common, assertion: CANARY })],
    ['assertion.privateKey', jwtBearer({ ...common, assertion: { privateKey: CANARY, issuer: 'x' } })],
    ['subjectToken, actorToken', tokenExchange({ ...common, subjectToken: CANARY, actorToken: CANARY })],
    ['keyFile', googleServiceAccount({ keyFile: CANARY, scope: 'x', tls })],
    ['a JWK that was parsed', clientCredentials({ ...common, clientAssertion: { privateKey: jwk as never } })],
    ['a key file that was parsed', googleServiceAccount({ keyFile: { private_key: CANARY } as never, scope: 'x' })],
    ['bytes of a key', clientCredentials({ ...common, clientAssertion: { privateKey: Buffer.from(CANARY) as never } })],
    ['a list of keys', clientCredentials({ ...common, clientAssertion: [{ privateKey: CANARY }] as never })],
  ])('prints no %s', (_what, spec) => {
    const { options } = spec as { options: unknown };
    const prints = [
      inspect(spec, { depth: Infinity, showHidden: true }),
      JSON.stringify(spec),
      String(spec),
      inspect(options, { depth: Infinity }),
      JSON.stringify(structuredClone(JSON.stringify(options))),
    ].join('\n');
    expect(prints).not.toContain('canary');
    expect(prints).not.toContain(
      Buffer.from('canary')
        .toString('hex')
        .replaceAll(/(..)(?=.)/g, '$1 '),
    );
    expect(prints).not.toContain(JSON.stringify([...Buffer.from('canary')]).slice(1, -1));
  });

  it('prints whose token it refers to', () => {
    const { options } = tokenExchange({ tokenEndpoint, subjectToken: tokenOf('user') });
    expect(inspect(options)).toContain('TokenReference(user)');
    expect(JSON.stringify(options)).toContain('"TokenReference(user)"');
    expect(String(tokenOf('user'))).toBe('TokenReference(user)');
  });

  it('keeps what is no secret as it is, and takes URLs as texts', () => {
    const { options } = jwtBearer({
      issuer: new URL('https://issuer.example/a'),
      assertion: { ...key, claims: { key: 'public', privateKey: 'public' } },
    });
    expect(options).toMatchObject({
      issuer: 'https://issuer.example/a',
      assertion: { issuer: 'reports', claims: { key: 'public', privateKey: 'public' } },
    });
  });
});
