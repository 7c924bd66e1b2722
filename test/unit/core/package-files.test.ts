import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import {
  ownFile,
  packageModule,
  presentFile,
  resolveModule,
  supervisorEntry,
} from '../../../src/core/package-files.js';

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
  expect(supervisorEntry('file:///app/node_modules/tokenvisor/dist/core/package-files.js').href).toBe(
    'file:///app/node_modules/tokenvisor/dist/runtime/supervisor-entry.cjs',
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
  const base = pathToFileURL('/elsewhere/runtime/actor-entry.cjs').href;
  expect(resolveModule(packageModule('kinds/credential/behaviour.js'), base)).toBe(
    'file:///elsewhere/kinds/credential/behaviour.js',
  );
  expect(resolveModule('file:///app/provider.js', base)).toBe('file:///app/provider.js');
});

test('a file of ours is found from the package’s own files, and from a bundle in a folder beside', () => {
  const expected = 'file:///app/node_modules/tokenvisor/dist/runtime/verify-entry.cjs';
  for (const from of ['core/package-files.js', 'runtime/every-runtime.cjs', 'runtime/supervisor-entry.cjs']) {
    const base = `file:///app/node_modules/tokenvisor/dist/${from}`;
    expect(ownFile('runtime/verify-entry.cjs', base).href).toBe(expected);
  }
  expect(() => ownFile('runtime/verify-entry.cjs', 'https://cdn.example/app.js')).toThrow(
    fileMissing('got https://cdn.example/app.js'),
  );
});
