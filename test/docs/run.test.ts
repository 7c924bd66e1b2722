import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, SCRATCH } from '../run/setup.mjs';
import { blocksOfMarkdown } from './blocks.js';

/** Within the package, so that it resolves its own name; the port of the texts is replaced by one that is free. */
const folder = path.join(SCRATCH, `docs-${process.pid}`);
const PORT_OF_THE_TEXTS = '9400';
let port: string;

const blocksOf = async (page: string) =>
  blocksOfMarkdown(page, (await readFile(path.join(ROOT, page), 'utf8')).replaceAll(PORT_OF_THE_TEXTS, port));

const write = async (file: string, code: string): Promise<string> => {
  const target = path.join(folder, file);
  await writeFile(target, code);
  return target;
};

const run = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 40_000 });

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  const probe = createServer();
  await once(probe.listen(0), 'listening');
  port = String((probe.address() as AddressInfo).port);
  probe.close();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('what our texts tell to run', () => {
  it('the quickstart of the README', async () => {
    const quickstart = (await blocksOf('README.md')).find(({ code }) => code.includes('createServer'));
    const { stdout, stderr } = await run(await write('quickstart.mjs', quickstart?.code ?? ''));
    expect({ stdout, stderr }).toEqual({
      stdout: expect.stringContaining("authorization: 'Bearer ") as unknown,
      stderr: '',
    });
  });

  it('the tutorial, with its worker', { timeout: 60_000 }, async () => {
    const blocks = await blocksOf('docs/tutorials/first-credential.md');
    const codeOf = (name: string): string => blocks.find(({ file }) => file === name)?.code ?? '';
    const inserted = blocks.find(({ code }) => code.includes('new Worker'))?.code ?? '';
    const app = codeOf('app.js').replace('const rounds', `${inserted}\nconst rounds`);
    await write('worker.js', codeOf('worker.js'));
    const server = spawn(process.execPath, [await write('server.js', codeOf('server.js'))], { stdio: 'ignore' });
    try {
      const { stdout } = await run(await write('app.js', app), '8');
      expect(stdout).toMatch(/^fresh: Token\(\w+, generation 1\), \d+ ms left$/m);
      expect(stdout).toMatch(/^\w+: Token\(\w+, generation 2\), \d+ ms left$/m);
      expect(stdout).toMatch(/^in a worker: Token\(\w+, generation 1\)$/m);
    } finally {
      server.kill();
      await once(server, 'exit');
    }
  });
});
