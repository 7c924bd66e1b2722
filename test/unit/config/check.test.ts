import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  anyOf,
  boolean,
  check,
  configError,
  list,
  number,
  object,
  oneOf,
  optional,
  problemText,
  record,
  string,
} from '../../../src/config/check.js';
import { url } from '../../../src/net/url.js';
import { describeValue, isPlainObject } from '../../../src/core/describe.js';
import { nearestName } from '../../../src/config/nearest-name.js';

const shape = object({
  name: string(),
  leadMs: optional(number({ min: 0 })),
  eager: optional(boolean(), true),
  restart: optional(oneOf('permanent', 'transient')),
  scopes: optional(list(string(), { min: 1, max: 2 })),
  labels: optional(record(string({ minLength: 0 }))),
  life: optional(anyOf<number | 'never'>("a number or 'never'", number(), oneOf('never'))),
  issuer: optional(url()),
});

const problemsOf = (input: unknown): string[] => check(shape, input, 'github').problems.map(problemText);

describe('bad options', () => {
  class Thing {
    readonly inside = 1;
  }
  it.each<[string, unknown, string]>([
    ['no object', 'x', "Expected `github` to be an object, got 'x' (string)"],
    ['a list', [], 'Expected `github` to be an object, got a list of 0'],
    ['nothing where something must be', {}, 'Expected `github.name` to be a non-empty string, got nothing'],
    ['an empty string', { name: '' }, "Expected `github.name` to be a non-empty string, got '' (string)"],
    ['null', { name: null }, 'Expected `github.name` to be a non-empty string, got null'],
    ['a unit', { name: 'a', leadMs: '5m' }, "Expected `github.leadMs` to be a number >= 0, got '5m' (string)"],
    ['below the bound', { name: 'a', leadMs: -1 }, 'Expected `github.leadMs` to be a number >= 0, got -1 (number)'],
    ['NaN', { name: 'a', leadMs: NaN }, 'Expected `github.leadMs` to be a number >= 0, got NaN (number)'],
    ['no boolean', { name: 'a', eager: 1 }, 'Expected `github.eager` to be true or false, got 1 (number)'],
    [
      'no choice',
      { name: 'a', restart: 'always' },
      "Expected `github.restart` to be 'permanent' or 'transient', got 'always' (string)",
    ],
    [
      'too short a list',
      { name: 'a', scopes: [] },
      'Expected `github.scopes` to be a list of at least 1 and at most 2, got a list of 0',
    ],
    [
      'a bad member',
      { name: 'a', scopes: ['x', 4] },
      'Expected `github.scopes[1]` to be a non-empty string, got 4 (number)',
    ],
    [
      'a bad value',
      { name: 'a', labels: { 'a b': 1 } },
      'Expected `github."a b"` to be a string, got 1 (number)'.replace('github."', 'github.labels."'),
    ],
    ['neither of two', { name: 'a', life: Thing }, "Expected `github.life` to be a number or 'never', got a function"],
    [
      'a slip',
      { name: 'a', leedMs: 4 },
      'Expected `github.leedMs` to be a known option (did you mean `leadMs`?), got an unknown one',
    ],
    ['no URL', { name: 'a', issuer: 'issuer' }, 'Expected `github.issuer` to be a URL (https://…), got a string'],
    [
      'http',
      { name: 'a', issuer: 'http://a.example' },
      'Expected `github.issuer` to be an https URL (or http to localhost; see `allowInsecureHttp`), got a URL that begins with http://',
    ],
    [
      'a lookalike of localhost',
      { name: 'a', issuer: 'http://localhost.evil.example' },
      'Expected `github.issuer` to be an https URL (or http to localhost; see `allowInsecureHttp`), got a URL that begins with http://',
    ],
    [
      'a password',
      { name: 'a', issuer: 'https://u:canary@a.example' },
      'Expected `github.issuer` to be a URL without credentials, got a URL with a user or a password in it',
    ],
    [
      'a fragment',
      { name: 'a', issuer: 'https://a.example/#x' },
      'Expected `github.issuer` to be a URL without a fragment, got a URL with a fragment',
    ],
  ])('%s', (_name, input, expected) => {
    expect(problemsOf(input)).toEqual([expected]);
  });

  it('are told all at once, in one error', () => {
    const { problems } = check(shape, { leadMs: 'x', zzz: 1 });
    const error = configError(problems, 'github');
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', child: 'github', problems });
    expect(problems.map(({ path }) => path).sort()).toEqual(['leadMs', 'name', 'zzz']);
    expect(error.message).toContain('3 options are not usable');
  });

  it('never quotes the value of an unknown key', () => {
    expect(JSON.stringify(check(shape, { name: 'a', clientSecert: 'canary' }))).not.toContain('canary');
  });

  it('describes what is too long to be quoted', () => {
    expect(describeValue('x'.repeat(33))).toBe('a string of 33 characters');
    expect(describeValue(new Map())).toBe('an instance of Map');
    expect(isPlainObject(Object.create(null))).toBe(true);
    expect(isPlainObject(new Thing())).toBe(false);
  });
});

describe('good options', () => {
  it('come back typed and with defaults, absent ones absent', () => {
    const { value, problems } = check(shape, { name: 'a', leadMs: undefined, life: 'never' });
    expect(problems).toEqual([]);
    expect(value).toEqual({ name: 'a', eager: true, life: 'never' });
    expect(Object.keys(value)).not.toContain('leadMs');
    expectTypeOf(value.eager).toEqualTypeOf<boolean>();
    expectTypeOf(value.leadMs).toEqualTypeOf<number | undefined>();
    expectTypeOf(value.name).toEqualTypeOf<string>();
  });

  it.each(['https://a.example/x', 'http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://a.localhost'])(
    'has %s for a safe URL',
    (input) => expect(check(url(), input)).toEqual({ value: input, problems: [] }),
  );

  it('takes a URL object, and http elsewhere if that is allowed', () => {
    expect(check(url({ allowInsecureHttp: true }), new URL('http://a.example')).value).toBe('http://a.example/');
  });
});

it.each([
  ['clientSecert', 'clientSecret'],
  ['LEADMS', 'leadMs'],
  ['x', undefined],
  ['completely', undefined],
])('the nearest name to %s is %s', (slip, expected) => {
  expect(nearestName(slip, ['clientSecret', 'leadMs', 'issuer'])).toBe(expected);
});
