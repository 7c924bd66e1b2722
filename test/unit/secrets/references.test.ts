import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { redact } from '../../../src/secrets/redact.js';
import {
  decodeOptions,
  encodeOptions,
  resolveReferences,
  secretFiles,
  secretValues,
} from '../../../src/secrets/reference-tree.js';
import { MAX_SECRET_BYTES, SecretReference, env, file, literal, readSecret } from '../../../src/secrets/references.js';
import { failureOf } from '../../support/http-context.js';

const CANARY = 'canary-4711-secret';
const folder = mkdtempSync(join(tmpdir(), 'tokenvisor-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fileWith = (name: string, contents: string | Buffer): string => {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
};

const scope = (environment: Readonly<Record<string, string | undefined>>) => ({
  environment,
  tokenMemory: () => undefined,
});

describe('a reference', () => {
  const resolved = resolveReferences(env('NAME'), scope({ NAME: CANARY })).options;

  it.each<[string, unknown]>([
    ['a literal', literal(CANARY)],
    ['a resolved variable', resolved],
    ['one deep in options', { a: [{ b: literal(CANARY) }] }],
  ])('never prints %s', (_name, value) => {
    const printed = [
      inspect(value, { depth: null, showHidden: true }),
      JSON.stringify(value),
      String(value),
      inspect(new Error('x', { cause: value })),
    ];
    expect(printed.join('\n')).not.toContain(CANARY);
  });

  it('tells what it refers to', () => {
    expect(String(env('NAME'))).toBe('SecretReference(env NAME)');
    expect(inspect(file('/x'))).toBe('SecretReference(file /x)');
    expect(file(pathToFileURL('/a b')).name).toBe('/a b');
  });

  it('gives its value to who reads it', () => {
    expect(readSecret(literal(CANARY))).toBe(CANARY);
    expect(readSecret(CANARY)).toBe(CANARY);
    expect(readSecret(resolved)).toBe(CANARY);
  });

  it('reads a file at every use, less the line breaks at its end', () => {
    const path = fileWith('rotated', ' one \r\n\n');
    const reference = file(path);
    expect(readSecret(reference)).toBe(' one ');
    writeFileSync(path, 'two');
    expect(readSecret(reference)).toBe('two');
    expect(readSecret(file(fileWith('full', 'x'.repeat(MAX_SECRET_BYTES))))).toHaveLength(MAX_SECRET_BYTES);
  });
});

describe('a secret that can not be read parks', () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  it.each<[string, SecretReference, RegExp]>([
    ['a variable that nobody resolved', env('NAME'), /NAME has not been read/],
    ['no file', file(join(folder, 'none')), /ENOENT/],
    ['an empty file', file(fileWith('empty', '\n')), /is empty/],
    ['a folder', file(folder), /not a regular file/],
    ['a pipe', file(pipe), /not a regular file/],
    ['a file that is too large', file(fileWith('large', 'x'.repeat(MAX_SECRET_BYTES + 1))), /larger than 65536/],
  ])('%s', async (_name, reference, message) => {
    const failure = await failureOf(() => readSecret(reference));
    expect(failure).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
    expect(failure.message).toMatch(message);
  });
});

describe('resolving', () => {
  it('leaves what it is given alone, and fills in a new tree', () => {
    const options = { a: env('A'), list: [env('B'), file('/x'), literal('c')], date: new Date(0) };
    const { options: resolved, problems } = resolveReferences(options, scope({ A: 'aaaa', B: 'bbbb' }));
    expect(problems).toEqual([]);
    expect(secretValues(resolved)).toEqual(['aaaa', 'bbbb', 'c']);
    expect(() => readSecret(options.a)).toThrow('has not been read');
    expect(resolved.date).toBe(options.date);
  });

  it.each([
    ['missing', {}, 'an unset one'],
    ['empty', { A: '' }, 'an empty one'],
  ])('tells where a variable is %s', (_name, environment, came) => {
    const { problems } = resolveReferences({ x: [{ y: env('A') }] }, scope(environment), 'github.provider');
    expect(problems).toEqual([{ path: 'github.provider.x[0].y', expected: 'a set environment variable, A', came }]);
  });
});

describe('crossing to a thread', () => {
  it('keeps references, in lists, objects and alone', () => {
    const options = {
      secret: literal(CANARY),
      list: [1, { deep: file('/run/x') }],
      name: env('NAME'),
      when: new Date(5),
      bytes: new Uint8Array([1, 2]),
      none: undefined,
      nothing: null,
    };
    const decoded = decodeOptions(structuredClone(encodeOptions(options))) as typeof options;
    expect(decoded.secret).toBeInstanceOf(SecretReference);
    expect(readSecret(decoded.secret)).toBe(CANARY);
    expect((decoded.list[1] as { deep: SecretReference }).deep.name).toBe('/run/x');
    expect(decoded.name.kind).toBe('env');
    expect({ when: decoded.when, bytes: decoded.bytes, nothing: decoded.nothing }).toEqual({
      when: options.when,
      bytes: options.bytes,
      nothing: null,
    });
    expect(readSecret(decodeOptions(structuredClone(encodeOptions(literal('alone')))) as SecretReference)).toBe(
      'alone',
    );
    expect(decodeOptions(encodeOptions({ plain: 1, again: [2] }))).toEqual({ plain: 1, again: [2] });
  });

  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  it.each<[string, unknown, string, string]>([
    ['a function', { a: { b: () => 1 } }, 'options.a.b', 'a function'],
    ['a symbol', { a: [Symbol('x')] }, 'options.a[0]', 'a symbol'],
    [
      'an instance',
      {
        a: new (class Pool {
          readonly inside = 1;
        })(),
      },
      'options.a',
      'an instance of Pool',
    ],
    ['a URL', { a: new URL('https://a.example') }, 'options.a', 'an instance of URL'],
    ['a map', { a: new Map([['k', literal(CANARY)]]) }, 'options.a', 'an instance of Map'],
    ['a promise', { a: Promise.resolve() }, 'options.a', 'an instance of Promise'],
    ['a cycle', cyclic, 'options.self', 'a cycle'],
  ])('names %s by its path', (_name, options, path, came) => {
    const error = (() => {
      try {
        encodeOptions(options);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toMatchObject({ code: 'NOT_CLONEABLE', problems: [{ path, came }] });
    expect(String(error)).not.toContain(CANARY);
  });

  it('may hold one thing twice', () => {
    const shared = { a: 1 };
    expect(decodeOptions(encodeOptions([shared, shared]))).toEqual([shared, shared]);
  });

  it('lists the files to be watched, once each', () => {
    expect(secretFiles({ a: file('/x'), b: [file('/y'), file('/x')], c: env('Z') })).toEqual(['/x', '/y']);
  });
});

describe('redaction', () => {
  const secret = 'p4ss w/ord+"x"';
  it.each([
    ['as it is', secret],
    ['in a URL', encodeURIComponent(secret)],
    ['in a form', new URLSearchParams([['', secret]]).toString().slice(1)],
    ['in JSON', JSON.stringify({ secret })],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
  ])('takes a secret out: %s', (_name, form) => {
    const text = redact(`before ${form} after`, [secret]);
    expect(text).toContain('[redacted]');
    expect(text).not.toContain(form);
    expect(text).not.toContain('p4ss');
  });

  it('takes the longer one out first, and leaves what is too short to be one', () => {
    expect(redact('secretlong secret a', ['secret', 'secretlong', 'a'])).toBe('[redacted] [redacted] a');
  });
});
