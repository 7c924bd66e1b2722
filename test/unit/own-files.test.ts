import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { ownFile, ownModule, presentFile, resolveModule, supervisorEntry } from '../../src/own-files.js';

const advice = [
  "esbuild: external: ['tokenvisor']",
  'webpack: externals: [/^tokenvisor(\\/|$)/]',
  "Vite: ssr.external: ['tokenvisor']",
  "Next.js: serverExternalPackages: ['tokenvisor']",
  '`workerUrl`',
];

const fileMissing = (message: string): unknown =>
  expect.objectContaining({
    name: 'TokenvisorError',
    code: 'FILE_MISSING',
    message: expect.stringContaining(message) as string,
  });

test('the entry lies where the package does', () => {
  expect(supervisorEntry('file:///app/node_modules/tokenvisor/dist/own-files.js').href).toBe(
    'file:///app/node_modules/tokenvisor/dist/supervision/supervisor-entry.cjs',
  );
});

test('where import.meta.url is no file, nobody knows where', () => {
  expect(() => supervisorEntry('https://cdn.example/app.js')).toThrow(fileMissing('got https://cdn.example/app.js'));
});

test.each(advice)('a file that is missing: %s', (words) => {
  expect(() => presentFile(new URL('file:///nowhere/supervisor-entry.cjs'))).toThrow(fileMissing(words));
});

test('a file that is there is given by its path', () => {
  expect(presentFile(new URL(import.meta.url))).toBe(import.meta.filename);
});

test('a module of ours is found from a folder beside, wherever that is; a file: URL stays', () => {
  const base = pathToFileURL('/elsewhere/actor/actor-entry.cjs').href;
  expect(resolveModule(ownModule('credential/actor.js'), base)).toBe('file:///elsewhere/credential/actor.js');
  expect(resolveModule('file:///app/provider.js', base)).toBe('file:///app/provider.js');
});

test('a file of ours is found from the package’s own files, and from a bundle in a folder beside', () => {
  const expected = 'file:///app/node_modules/tokenvisor/dist/inbound/jwt/verify-entry.cjs';
  for (const from of ['own-files.js', 'actor/actor-entry.cjs', 'supervision/supervisor-entry.cjs']) {
    const base = `file:///app/node_modules/tokenvisor/dist/${from}`;
    expect(ownFile('inbound/jwt/verify-entry.cjs', base).href).toBe(expected);
  }
  expect(() => ownFile('inbound/jwt/verify-entry.cjs', 'https://cdn.example/app.js')).toThrow(
    fileMissing('got https://cdn.example/app.js'),
  );
});
