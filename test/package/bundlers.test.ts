import { cp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { BUNDLES, type Bundle } from './bundles.js';
import { runWith, type Run } from './project.js';
import { room, type Room } from './room.js';

const advice = "mark 'tokenvisor' as external in it";

let here: Room;
beforeAll(async () => {
  here = await room('bundlers', 'app.mjs', 'provider.mjs');
});

const made = new Map<string, Promise<void>>();

/** Bundles the program, once, and gives the file. */
const bundled = async ({ bundler, format, make }: Bundle, external: boolean): Promise<string> => {
  const name = `${bundler}-${external ? 'external' : 'packed'}`.replaceAll(/\W+/g, '-');
  const file = here.at(name, `app.${format === 'esm' ? 'mjs' : 'cjs'}`);
  const making = made.get(file) ?? make(here.at('app.mjs'), file, external);
  made.set(file, making);
  await making;
  return file;
};

/** Runs a file in its room, with these variables set. */
const runIt = (file: string, variables: Readonly<Record<string, string>> = {}): Promise<Run> =>
  runWith({ variables }, here.folder, process.execPath, file);

describe.each(BUNDLES)('$bundler to $format', (bundle) => {
  it('runs, with tokenvisor external', async () => {
    const { code, stdout } = await runIt(await bundled(bundle, true));
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Bearer token-1\n' });
  });

  it('says what to mark, where tokenvisor was packed in', async () => {
    const file = await bundled(bundle, false);
    // As on a machine that the bundle alone was copied to: webpack writes down where the package was.
    const [present, away] = [path.join(inject('project'), 'node_modules'), path.join(inject('project'), 'away')];
    await rename(present, away);
    try {
      const { code, stdout, stderr } = await runIt(file);
      expect({ code, stderr: code === 3 ? '' : stderr }).toEqual({ code: 3, stderr: '' });
      expect(stdout).toMatch(/^TokenvisorError FILE_MISSING: Expected [^\n]+\n$/);
      expect(stdout).toContain(advice);
      expect(stdout).toContain(`${bundle.bundler.replace(/,.*/, '')}: `);
    } finally {
      await rename(away, present);
    }
  });

  it('runs where it was packed in, with `workerUrl` and a copy of dist', async () => {
    const file = await bundled(bundle, false);
    const dist = here.at('lib', 'tokenvisor');
    await cp(path.join(inject('project'), 'node_modules/tokenvisor/dist'), dist, { recursive: true });
    const workerUrl = pathToFileURL(path.join(dist, 'runtime/supervisor-entry.cjs')).href;
    const { code, stdout } = await runIt(file, { WORKER_URL: workerUrl });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Bearer token-1\n' });
  });
});

describe('`workerUrl`', () => {
  it('that leads nowhere is named', async () => {
    const { code, stdout } = await runIt('app.mjs', { WORKER_URL: 'file:///nowhere/runtime/supervisor-entry.cjs' });
    expect({ code, stdout }).toEqual({
      code: 3,
      stdout: expect.stringContaining('Expected /nowhere/runtime/supervisor-entry.cjs to exist') as string,
    });
  });

  it('that is no file: URL is refused', async () => {
    const { code, stdout } = await runIt('app.mjs', { WORKER_URL: 'https://a.example/supervisor-entry.cjs' });
    expect({ code, stdout }).toEqual({
      code: 3,
      stdout: expect.stringMatching(/^TokenvisorError CONFIG_INVALID: .*workerUrl/) as string,
    });
  });
});

describe('what a program loads by `new URL(…, import.meta.url)`', () => {
  const LIFE = 'Bearer token-1, Bearer token-1, ok, Bearer token-1\n';
  const modules = BUNDLES.filter(({ bundler, format }) => format === 'esm' && !bundler.includes(','));

  it.each(modules)('a reader may have tokenvisor packed in: by $bundler', async ({ bundler, make }) => {
    const own = await room(`reader-${bundler}`, 'life.mjs', 'provider.mjs', 'reader.mjs');
    const packed = own.at('packed', 'reader.mjs');
    await make(own.at('reader.mjs'), packed, false);
    await rename(packed, own.at('reader.mjs'));
    expect(await own.run('life.mjs')).toEqual({ code: 0, stdout: LIFE, stderr: '' });
  });

  const PROGRAM = `
    import { credential, startSupervisor } from 'tokenvisor';
    const provider = new URL('./provider.mjs', import.meta.url);
    startSupervisor({ api: credential({ provider }) }).then(async (supervisor) => {
      await supervisor.ready({ timeoutMs: 20_000 });
      console.log(supervisor.children.api.current().authorization);
      await supervisor.close();
    });`;

  it.each(BUNDLES.filter(({ bundler }) => bundler === 'webpack'))(
    'webpack to $format takes a provider along',
    async ({ format, make }) => {
      const own = await room(`webpack-along-${format}`, 'provider.mjs');
      const built = own.at('build', `program.${format === 'esm' ? 'mjs' : 'cjs'}`);
      await make(await own.write('program.mjs', PROGRAM), built, true);
      await rm(own.at('provider.mjs'));
      expect(await own.run(built)).toMatchObject({ code: 0, stdout: 'Bearer token-1\n' });
    },
  );

  it.each(modules.filter(({ bundler }) => bundler !== 'webpack'))(
    'for $bundler a provider is an entry of its own',
    async ({ bundler, make }) => {
      const own = await room(`entries-${bundler}`, 'provider.mjs');
      await make(await own.write('program.mjs', PROGRAM), own.at('build', 'program.mjs'), true);
      await make(own.at('provider.mjs'), own.at('build', 'provider.mjs'), true);
      await rm(own.at('provider.mjs'));
      expect(await own.run('build/program.mjs')).toEqual({ code: 0, stdout: 'Bearer token-1\n', stderr: '' });
    },
  );
});
