/** A pipe that nobody writes to, in the place of a file. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const PROCESS = fileURLToPath(new URL('./fixtures/pipes-process.mjs', import.meta.url));
/** A process that hangs would never end: it is killed then. */
const PATIENCE_MS = 30_000;

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-pipes-'));
afterAll(() => rmSync(folder, { recursive: true }));

let pipes = 0;
const newPipe = (name = `pipe-${++pipes}`): string => {
  const pipe = path.join(folder, name);
  execFileSync('mkfifo', [pipe]);
  return pipe;
};

/** What a process that reads these files says of each, and what it ends with. */
const run = async (files: object): Promise<{ code: number | null; said: Record<string, string> }> => {
  const child = spawn(process.execPath, [PROCESS, JSON.stringify(files)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, said: said === '' ? {} : (JSON.parse(said) as Record<string, string>) };
};

test('a process with a pipe in the place of a file could not end', async () => {
  mkdirSync(path.join(folder, 'lmdb'));
  const kinds = [
    'a refresh-token file',
    'a client secret',
    'a private key',
    'an assertion',
    'a certificate',
    'an authority',
  ];
  const others = ['a JWK set', 'an HMAC secret', 'a key of a connection string'];
  const files = {
    ...Object.fromEntries([...kinds, ...others].map((kind) => [kind, newPipe()])),
    'a lock': newPipe('token.json.lock'),
    'an LMDB lock': newPipe('lmdb/owner.lock'),
  };
  const { code, said } = await run(files);
  expect(code, 'it has ended by itself').toBe(0);
  for (const kind of Object.keys(files)) {
    // Of the keys of tokens, whoever sends these is told no more.
    expect(said, kind).toHaveProperty(
      [kind],
      expect.stringMatching(/JWK|HMAC/.test(kind) ? /can't be read$/ : /regular file/),
    );
  }
});
