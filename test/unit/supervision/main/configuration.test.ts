import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inspect } from 'node:util';
import { actor } from '../../../../src/kinds/actor/actor.js';
import { credential } from '../../../../src/kinds/credential/credential.js';
import { TokenvisorError, type ConfigProblem } from '../../../../src/core/errors.js';
import { tokenSet } from '../../../../src/kinds/token-set/token-set.js';
import { clientCredentials } from '../../../../src/grants/client-credentials.js';
import { refreshToken } from '../../../../src/grants/refresh-token.js';
import { env, file, literal } from '../../../../src/secrets/references.js';
import { checkConfiguration, checkOneChild } from '../../../../src/supervision/main/options.js';
import { WasmApi } from '../../../../src/table/web-assembly.js';

const CANARY = 'canary-d41d8cd98f00b204e9800998ecf8427e';
const module = new URL('file:///app/provider.js');
const ACTOR = { behaviour: module };
const CREDENTIAL = { provider: module };

const errorOf = (run: () => unknown): TokenvisorError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TokenvisorError);
    expect((error as TokenvisorError).code).toBe('CONFIG_INVALID');
    return error as TokenvisorError;
  }
  throw new Error('Expected a CONFIG_INVALID error');
};

const problemsOf = (children: unknown, options?: unknown): readonly ConfigProblem[] =>
  errorOf(() => checkConfiguration(children, options)).problems ?? [];

const UNKNOWN = { expected: expect.stringContaining('a known option') as string, came: 'an unknown one' };

beforeEach(() => {
  process.env['TOKENVISOR_TEST_SET'] = 'of the environment';
  delete process.env['TOKENVISOR_TEST_UNSET'];
});
afterEach(() => delete process.env['TOKENVISOR_TEST_SET']);

describe('startSupervisor: bad options', () => {
  it.each<[string, unknown, string, string]>([
    ['escalation', 'tree', "'child' or 'supervisor'", "'tree' (string)"],
    ['maxRestarts', -1, 'a whole number >= 0 and <= 500', '-1 (number)'],
    ['maxRestarts', 2.5, 'a whole number >= 0 and <= 500', '2.5 (number)'],
    ['maxRestarts', '3', 'a whole number >= 0 and <= 500', "'3' (string)"],
    ['maxSeconds', 0, 'a number >= 1 and <= 3600', '0 (number)'],
    ['maxSeconds', Infinity, 'a number >= 1 and <= 3600', 'Infinity (number)'],
    ['startConcurrency', 0, 'a whole number >= 1 and <= 64', '0 (number)'],
    ['startConcurrency', 65, 'a whole number >= 1 and <= 64', '65 (number)'],
    ['zombieAfterMs', 99, 'a number >= 100 and <= 600000', '99 (number)'],
    ['zombieAfterMs', null, 'a number >= 100 and <= 600000', 'null'],
    ['parkMs', 9, 'a number >= 10 and <= 3600000', '9 (number)'],
    ['parkMaxMs', NaN, 'a number >= 10 and <= 3600000', 'NaN (number)'],
    ['ref', 'yes', 'true or false', "'yes' (string)"],
    ['workerUrl', 'file:///x', 'a file: URL without a host', "'file:///x' (string)"],
    ['workerUrl', new URL('file://elsewhere/x'), 'a file: URL without a host', 'an instance of URL'],
    ['workerUrl', new URL('https://a.example'), 'a file: URL without a host', 'an instance of URL'],
  ])('%s: %o', (key, value, expected, came) => {
    expect(problemsOf({}, { [key]: value })).toEqual([{ path: `options.${key}`, expected, came }]);
  });

  it.each<[string, unknown, string]>([
    ['a list', [], 'a list of 0'],
    ['a text', 'x', "'x' (string)"],
  ])('are no object but %s', (_what, options, came) => {
    expect(problemsOf({}, options)).toEqual([{ path: 'options', expected: 'an object', came }]);
  });

  it('an unknown one names the nearest', () => {
    expect(problemsOf({}, { maxRestart: 3 })).toEqual([
      { path: 'options.maxRestart', expected: 'a known option (did you mean `maxRestarts`?)', came: 'an unknown one' },
    ]);
  });

  it('good ones come back with their defaults', () => {
    expect(checkConfiguration({}, undefined).supervisor).toEqual({
      ref: false,
      rules: {
        escalation: 'child',
        maxRestarts: 3,
        maxSeconds: 5,
        startConcurrency: 4,
        zombieAfterMs: 10_000,
        parkMs: 60_000,
        parkMaxMs: 600_000,
      },
    });
  });
});

describe('the children', () => {
  it.each<[string, unknown, ConfigProblem[]]>([
    ['nothing', undefined, [{ path: 'children', expected: 'an object of children by name', came: 'nothing' }]],
    ['a list', [actor(ACTOR)], [{ path: 'children', expected: 'an object of children by name', came: 'a list of 1' }]],
    [
      'options for a child',
      { github: ACTOR },
      [{ path: 'github', expected: 'the result of credential() or actor()', came: 'an object' }],
    ],
    [
      'a function',
      { github: credential },
      [{ path: 'github', expected: 'the result of credential() or actor()', came: 'a function' }],
    ],
  ])('are %s', (_what, children, problems) => {
    expect(problemsOf(children)).toEqual(problems);
  });

  it.each(['', ' x', 'a b', '-a', 'a\n', 'x'.repeat(101), 'a"b'])('can not be named %j', (name) => {
    expect(problemsOf({ [name]: actor(ACTOR) })).toMatchObject([
      { path: JSON.stringify(name), expected: expect.stringContaining('a name of 1 to 100 letters') as string },
    ]);
  });

  it.each(['a', 'x'.repeat(100), 'tenant/42:eu', 'größe', 'a.b@c_d-e', '__proto__'])('can be named %j', (name) => {
    expect(checkOneChild(name, actor(ACTOR), () => undefined).name).toBe(name);
  });
});

describe('options that every child takes', () => {
  const cases: [string, unknown, string, string][] = [
    ['restart', 'always', "'permanent', 'transient' or 'temporary'", "'always' (string)"],
    ['shutdown', 'soon', "'brutal', 'infinity' or milliseconds from 0 to 600000", "'soon' (string)"],
    ['shutdown', -1, "'brutal', 'infinity' or milliseconds from 0 to 600000", '-1 (number)'],
    ['maxRestarts', 501, 'a whole number >= 0 and <= 500', '501 (number)'],
    ['maxSeconds', 3_601, 'a number >= 1 and <= 3600', '3601 (number)'],
    ['hangTimeoutMs', 199, 'a number >= 200 and <= 600000', '199 (number)'],
    ['initTimeoutMs', 600_001, 'a number >= 100 and <= 600000', '600001 (number)'],
    ['mailboxLimit', 0, 'a whole number >= 1 and <= 1000000', '0 (number)'],
    ['inheritEnv', 'HOME', 'a list', "'HOME' (string)"],
    ['execArgv', {}, 'a list', 'an object'],
    ['resourceLimits', 64, 'an object', '64 (number)'],
  ];
  it.each(cases)('%s: %o', (key, value, expected, came) => {
    const problem = { path: `own.${key}`, expected, came };
    expect(problemsOf({ own: actor({ ...ACTOR, [key]: value }) })).toEqual([problem]);
    expect(problemsOf({ own: credential({ ...CREDENTIAL, [key]: value }) })).toEqual([problem]);
  });

  it.each<[string, object, ConfigProblem]>([
    [
      'a member of a list',
      { inheritEnv: ['A', 5] },
      { path: 'own.inheritEnv[1]', expected: 'a non-empty string', came: '5 (number)' },
    ],
    [
      'a limit',
      { resourceLimits: { stackSizeMb: 0 } },
      { path: 'own.resourceLimits.stackSizeMb', expected: 'a number >= 1 and <= 65536', came: '0 (number)' },
    ],
    ['an unknown limit', { resourceLimits: { stackMb: 4 } }, { path: 'own.resourceLimits.stackMb', ...UNKNOWN }],
    [
      'a variable that is not set',
      { inheritEnv: ['TOKENVISOR_TEST_UNSET'] },
      {
        path: 'own.inheritEnv[0]',
        expected: 'the name of a set environment variable',
        came: "'TOKENVISOR_TEST_UNSET', which is not set",
      },
    ],
  ])('%s', (_what, options, problem) => {
    expect(problemsOf({ own: actor({ ...ACTOR, ...options }) })).toContainEqual(problem);
  });

  it('good ones come back with their defaults', () => {
    const { child, environment } = checkOneChild(
      'own',
      actor({ ...ACTOR, inheritEnv: ['TOKENVISOR_TEST_SET'] }),
      () => undefined,
    );
    expect(environment).toEqual({ TOKENVISOR_TEST_SET: 'of the environment' });
    expect(child).toEqual({
      restart: 'permanent',
      shutdown: 5_000,
      maxRestarts: 3,
      maxSeconds: 5,
      hangTimeoutMs: 10_000,
      initTimeoutMs: 30_000,
      mailboxLimit: 10_000,
      inheritEnv: ['TOKENVISOR_TEST_SET'],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 },
    });
  });
});

describe('actor(): bad options', () => {
  const FILE = 'a file: URL, as new URL(…, import.meta.url) gives';
  it.each<[string, unknown, ConfigProblem[]]>([
    ['nothing', undefined, [{ path: 'own', expected: 'an object of options', came: 'nothing' }]],
    ['null', null, [{ path: 'own', expected: 'an object of options', came: 'null' }]],
    ['a number', 5, [{ path: 'own', expected: 'an object of options', came: 'a number' }]],
    ['no behaviour', {}, [{ path: 'own.behaviour', expected: FILE, came: 'nothing' }]],
    ['a path', { behaviour: './counter.js' }, [{ path: 'own.behaviour', expected: FILE, came: 'a string' }]],
    [
      'another kind of URL',
      { behaviour: new URL('https://a.example/x.js') },
      [{ path: 'own.behaviour', expected: FILE, came: 'an instance of URL' }],
    ],
    [
      'no name',
      { behaviour: { module, export: '' } },
      [{ path: 'own.behaviour.export', expected: 'the name of an export', came: 'an empty string' }],
    ],
    [
      'an unknown member',
      { behaviour: { module, exports: 'x' } },
      [{ path: 'own.behaviour.exports', expected: 'one of `module`, `export`', came: 'an unknown option' }],
    ],
    [
      'an unknown option',
      { ...ACTOR, behavior: module },
      [{ path: 'own.behavior', expected: 'a known option (did you mean `behaviour`?)', came: 'an unknown one' }],
    ],
  ])('%s', (_what, options, problems) => {
    expect(problemsOf({ own: actor(options as never) })).toEqual(problems);
  });
});

describe('credential(): bad options', () => {
  it.each<[string, unknown, string, string]>([
    ['eager', 1, 'true or false', '1 (number)'],
    ['leadMs', '5m', 'a number >= 0 and <= 86400000', "'5m' (string)"],
    ['leadMs', 86_400_001, 'a number >= 0 and <= 86400000', '86400001 (number)'],
    ['marginMs', -1, 'a number >= 0 and <= 86400000', '-1 (number)'],
    ['refreshEveryMs', 999, 'a number >= 1000 and <= 2592000000', '999 (number)'],
    ['retryEveryMs', 3_600_001, 'a number >= 1000 and <= 3600000', '3600001 (number)'],
    ['assumeLifetimeMs', 'ever', "'never' or milliseconds from 1000 to 31536000000", "'ever' (string)"],
    ['assumeLifetimeMs', 999, "'never' or milliseconds from 1000 to 31536000000", '999 (number)'],
    ['probeEveryMs', 0, 'a number >= 1000 and <= 86400000', '0 (number)'],
  ])('%s: %o', (key, value, expected, came) => {
    expect(problemsOf({ github: credential({ ...CREDENTIAL, [key]: value }) })).toEqual([
      { path: `github.${key}`, expected, came },
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['a number', 5],
  ])('%s is no provider', (_what, provider) => {
    expect(problemsOf({ github: credential({ provider } as never) })).toMatchObject([{ path: 'github.provider' }]);
  });

  it('options beside a built-in provider are one too many', () => {
    const provider = clientCredentials({ issuer: 'https://a.example', clientId: 'ci', clientSecret: literal(CANARY) });
    expect(problemsOf({ github: credential({ provider, options: { region: 'eu' } }) })).toEqual([
      { path: 'github.options', expected: 'absent (a built-in provider has its options already)', came: 'an object' },
    ]);
  });

  it('a secret that is not there is told at its place', () => {
    const clientSecret = env('TOKENVISOR_TEST_UNSET');
    const provider = clientCredentials({ issuer: 'https://a.example', clientId: 'ci', clientSecret });
    expect(problemsOf({ github: credential({ provider }) })).toEqual([
      {
        path: 'github.provider.clientSecret',
        expected: 'a set environment variable, TOKENVISOR_TEST_UNSET',
        came: 'an unset one',
      },
    ]);
  });

  it("a built-in provider's own come with the whole path", () => {
    const provider = refreshToken({ clientId: '', refreshToken: 4, rotation: 'never', zzz: 1 } as never);
    expect(
      problemsOf({ mail: credential({ provider }) })
        .map(({ path }) => path)
        .sort(),
    ).toEqual([
      'mail.provider',
      'mail.provider.clientId',
      'mail.provider.refreshToken',
      'mail.provider.rotation',
      'mail.provider.store',
      'mail.provider.zzz',
    ]);
  });
});

describe('a table', () => {
  it('regression: that gets no address space was said to be too large, though all take the same', () => {
    const memory = vi.spyOn(WasmApi, 'Memory').mockImplementation(function () {
      throw new RangeError('could not allocate memory');
    });
    const start = (): unknown => checkConfiguration({ sessions: tokenSet({ maxEntries: 5 }) }, {});
    expect(start).toThrow(expect.objectContaining({ code: 'START_FAILED', child: 'sessions' }));
    expect(start).toThrow(/Expected 10 GB of address space .* use fewer tables .*ulimit/);
    memory.mockRestore();
  });
});

describe('all problems', () => {
  const everything = (): TokenvisorError =>
    errorOf(() =>
      checkConfiguration(
        {
          github: credential({
            provider: module,
            leadMs: CANARY as never,
            options: { key: env('TOKENVISOR_TEST_UNSET'), deep: [{ fn: () => CANARY }] },
          }),
          billing: credential({
            provider: clientCredentials({
              tokenEndpoint: 'http://a.example',
              clientId: 'x',
              clientSecert: CANARY,
            } as never),
          }),
          own: actor({ ...ACTOR, inheritEnv: ['TOKENVISOR_TEST_UNSET'], options: new Map([[CANARY, CANARY]]) }),
          url: credential({
            provider: clientCredentials({
              issuer: `https://user:${CANARY}@a.example`,
              clientId: 'x',
              clientSecret: file('/x'),
            }),
          }),
          text: credential({ provider: CANARY }),
          'not a name': actor(ACTOR),
        },
        { escalation: CANARY, secret: CANARY },
      ),
    );

  it('are told in one error, each with its path, what was expected, and what came', () => {
    const error = everything();
    expect((error.problems ?? []).map(({ path }) => path).sort()).toEqual([
      '"not a name"',
      'billing.provider.clientSecert',
      'billing.provider.clientSecret',
      'billing.provider.tokenEndpoint',
      'github.leadMs',
      'github.options.deep[0].fn',
      'github.options.key',
      'options.escalation',
      'options.secret',
      'own.inheritEnv[0]',
      'own.options',
      'text.provider',
      'url.provider.issuer',
    ]);
    for (const { path, expected, came } of error.problems ?? []) {
      expect(error.message).toContain(`Expected \`${path}\` to be ${expected}, got ${came}`);
    }
  });

  it('never with a secret, however it came to be where it is', () => {
    const error = everything();
    const texts = [
      error.message,
      error.stack,
      JSON.stringify(error),
      inspect(error, { depth: Infinity, showHidden: true }),
    ];
    expect(texts.join('\n')).not.toContain(CANARY);
  });

  it('of one child are an error about that child', () => {
    expect(errorOf(() => checkOneChild('own', actor({ behaviour: 4 } as never), () => undefined))).toMatchObject({
      child: 'own',
    });
  });
});

describe('values that can not cross to a thread are named by their key', () => {
  it.each<[string, unknown, string, string]>([
    ['a function', { a: { b: () => 1 } }, 'own.options.a.b', 'a function'],
    ['a symbol', { a: Symbol('s') }, 'own.options.a', 'a symbol'],
    ['an instance', { a: [new Map()] }, 'own.options.a[0]', 'an instance of Map'],
    ['an odd key', { 'a b': () => 1 }, 'own.options."a b"', 'a function'],
    ['a promise', Promise.resolve(), 'own.options', 'an instance of Promise'],
  ])('%s', (_what, options, path, came) => {
    expect(problemsOf({ own: actor({ ...ACTOR, options }) })).toEqual([
      { path, expected: 'plain data: JSON, bytes, dates, secret references', came },
    ]);
  });

  it('a cycle', () => {
    const options: Record<string, unknown> = {};
    options['self'] = options;
    expect(problemsOf({ own: actor({ ...ACTOR, options }) })).toMatchObject([
      { path: expect.stringMatching(/^own\.options\.self/) as string, came: 'a cycle' },
    ]);
  });

  it.each<[string, unknown]>([
    ['plain data', { a: [1, 'x', null, true, undefined, 10n], b: { c: new Date(0) } }],
    ['bytes', { a: new Uint8Array(4), b: new SharedArrayBuffer(4) }],
    ['secret references', { a: literal(CANARY), b: [env('TOKENVISOR_TEST_SET')], c: file('/run/secrets/x') }],
    ['nothing', undefined],
  ])('%s can', (_what, options) => {
    expect(() =>
      structuredClone(checkOneChild('own', actor({ ...ACTOR, options }), () => undefined).wire),
    ).not.toThrow();
  });
});
