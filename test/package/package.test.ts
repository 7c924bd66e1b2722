import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from '../run/setup.mjs';
import { run } from './project.js';
import { room, type Room } from './room.js';

const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');
const specifierOf = (subpath: string): string => `tokenvisor${subpath.slice(1)}`;

const tarball = inject('tarball');

const LIFE = `
  const supervisor = await startSupervisor({ billing: credential({ provider: new URL(providerUrl) }) });
  await supervisor.ready({ timeoutMs: 20_000 });
  console.log(supervisor.children.billing.current().authorization);
  await supervisor.close();
`;

let here: Room;
beforeAll(async () => {
  here = await room('package', 'provider.mjs');
});

describe('the tarball', () => {
  it('holds the build and the texts, and nothing else', () => {
    const strangers = tarball.contents.filter(
      (file) =>
        !/^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/.+\.(md|svg|json)|dist\/.+\.(js|cjs|d\.ts|d\.cts))$/.test(
          file,
        ),
    );
    expect(strangers).toEqual([]);
    expect(tarball.contents).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE', 'dist/index.js']));
  });

  it('has nothing that publint minds', async () => {
    const bytes = await readFile(tarball.file);
    const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball: copy }, level: 'warning' });
    expect(messages.map((message) => formatMessage(message, pkg as Record<string, unknown>))).toEqual([]);
  });

  it('has types that resolve under every way of module resolution that can load it', async () => {
    const attw = path.join(ROOT, 'node_modules/.bin/attw');
    const result = await run(here.folder, attw, tarball.file, '--profile', 'esm-only', '--no-emoji', '--no-color');
    expect(result).toMatchObject({ code: 0 });
  });
});

describe('installed into an empty project', () => {
  it.each(subpaths)('%s is there, with its types', async (subpath) => {
    const target = manifest.exports[subpath as keyof typeof manifest.exports];
    const types = typeof target === 'string' ? target : target.types;
    expect(tarball.contents).toContain(types.slice('./'.length));
    const source = `console.log(Object.keys(await import('${specifierOf(subpath)}')).length > 0);`;
    expect(await here.node('resolve.mjs', source)).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
  });

  it('tells its version', async () => {
    const source = `console.log(require('tokenvisor/package.json').version);`;
    expect(await here.node('version.cjs', source)).toMatchObject({ stdout: `${manifest.version}\n` });
  });

  it('keeps its inner modules to itself', async () => {
    const { stderr } = await here.node('inner.mjs', `await import('tokenvisor/dist/core/errors.js');`);
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('runs from an ES module, and the process ends by itself', async () => {
    const source = `import { startSupervisor, credential } from 'tokenvisor';
      const providerUrl = new URL('./provider.mjs', import.meta.url);
      ${LIFE}`;
    expect(await here.node('life.mjs', source)).toEqual({ code: 0, stdout: 'Bearer token-1\n', stderr: '' });
  });

  it('runs from a CommonJS script by require()', async () => {
    const source = `const { startSupervisor, credential } = require('tokenvisor');
      const providerUrl = require('node:url').pathToFileURL(require('node:path').join(__dirname, 'provider.mjs'));
      (async () => { ${LIFE} })();`;
    expect(await here.node('life.cjs', source)).toMatchObject({ code: 0, stdout: 'Bearer token-1\n' });
  });
});
