import { describe, expect, test } from 'vitest';
import { createContext, runInContext } from 'node:vm';
import { fromWireError, toWireError } from '../../../src/core/wire-error.js';
import { ProviderError, TokenvisorError } from '../../../src/core/errors.js';

/** There and back, as a thread would have it. */
const cross = (thrown: unknown): TokenvisorError => fromWireError(structuredClone(toWireError(thrown)));

describe('an error that crosses', () => {
  test('one of ours keeps its code, child, problems and cause', () => {
    const problems = [{ path: 'a.b', expected: 'a number', came: 'nothing' }];
    const cause = new TokenvisorError('STORE_FAILED', 'the disk is full');
    const error = cross(new TokenvisorError('CONFIG_INVALID', 'not usable', { child: 'a', problems, cause }));
    expect(error).toBeInstanceOf(TokenvisorError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: 'not usable', child: 'a', problems });
    expect(error.cause).toMatchObject({ code: 'STORE_FAILED', message: 'the disk is full' });
  });

  test('a ProviderError keeps how it is to be treated', () => {
    const details = { status: 429, retryAfterMs: 5_000, oauthError: 'slow_down', reason: 'http_status' } as const;
    const error = cross(new ProviderError('too many', { ...details, class: 'fatal' }));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ ...details, class: 'fatal', code: 'MINT_FAILED', message: 'too many' });
  });

  test('another is the cause of one with the code of last resort, and keeps its name and code, but no more', () => {
    const error = cross(Object.assign(new RangeError('too far'), { code: 'E_FAR', token: 'secret' }));
    expect(error).toMatchObject({ name: 'TokenvisorError', code: 'CALL_FAILED', message: 'too far' });
    expect(error.cause).toMatchObject({ name: 'RangeError', code: 'E_FAR', message: 'too far' });
    expect(error.cause).not.toHaveProperty('token');
    expect(JSON.stringify(toWireError(error))).not.toContain('secret');
    expect(fromWireError({ name: 'Error', message: 'x' }, 'START_FAILED').code).toBe('START_FAILED');
  });

  test('one of a second copy of the package, or of another realm, is known by its name and tag', () => {
    const copy = Object.assign(new Error('full'), { name: 'TokenvisorError', code: 'MAILBOX_FULL', child: 'a' });
    expect(cross(copy)).toMatchObject({ code: 'MAILBOX_FULL', child: 'a' });
    const foreign: unknown = runInContext("new TypeError('elsewhere')", createContext());
    expect(cross(foreign).cause).toMatchObject({ name: 'TypeError', message: 'elsewhere' });
  });

  test('its causes and its text have an end', () => {
    const endless = new Error('again');
    endless.cause = endless;
    let depth = 0;
    for (let wire = toWireError(endless).cause; wire; wire = wire.cause) depth += 1;
    expect(depth).toBe(4);
    expect(toWireError(new Error('x'.repeat(5_000))).message).toHaveLength(1_000);
    const problems = Array(500).fill({ path: 'a', expected: 'b', came: 'c' });
    expect(toWireError(new TokenvisorError('CONFIG_INVALID', 'x', { problems })).problems).toHaveLength(100);
  });
});

const raise = (): never => {
  throw new Error('not you');
};
const hostile = (key: string): Error => Object.defineProperty(new Error('x'), key, { get: raise });
const odd: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('s')],
  ['a function', () => 1],
  ['a bigint', 1n],
  ['an object without text', Object.create(null)],
  ['an object whose text throws', { toString: raise }],
  ['a proxy that refuses everything', new Proxy({}, { get: raise, getPrototypeOf: raise })],
  ['a proxy of an Error', new Proxy(new Error('x'), { get: raise })],
  ['a revoked proxy', revoked()],
  ['an Error whose name throws', hostile('name')],
  ['an Error whose message throws', hostile('message')],
  ['an Error whose code throws', hostile('code')],
  ['an Error whose cause throws', hostile('cause')],
  [
    'an Error of odd members',
    Object.assign(new Error('x'), { name: Symbol('n'), message: {}, code: 5, cause: () => 1 }),
  ],
  ['one of ours with problems that are none', ours({ problems: [null, 5, () => 1, { path: Symbol('p') }] })],
  ['one of ours with a list that is none', ours({ problems: 'many', child: {} })],
  ['a ProviderError of odd members', Object.assign(new ProviderError('x'), { status: () => 1, class: Symbol('c') })],
];

function ours(members: object): Error {
  return Object.assign(new TokenvisorError('INTERNAL', 'x'), members);
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

test.each(odd)('whatever is thrown crosses: %s', (_what, thrown) => {
  const error = cross(thrown);
  expect(error).toBeInstanceOf(TokenvisorError);
  expect(typeof error.message).toBe('string');
});
