import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { endProcesses, follow, runProcess, startProcess } from './support/processes.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-processes-'));
/** As startProcess has it: beside itself. */
const script = (name: string, code: string): string => {
  writeFileSync(path.join(folder, `${name}-process.mjs`), code);
  return path.relative(path.join(import.meta.dirname, 'support'), path.join(folder, name));
};

afterAll(() => {
  endProcesses();
  rmSync(folder, { recursive: true });
});

it('are heard, each word of theirs, and their end is told to who waits for one', async () => {
  const name = script('talks', 'process.send(JSON.parse(process.argv[2]).n); process.send(2, () => process.exit(3));');
  const talks = startProcess(name, { n: 1 }, 20_000);
  expect([await talks.hear(), await talks.hear()]).toEqual([1, 2]);
  await expect(talks.hear()).rejects.toThrow(/to tell what it saw, got its end \(3\): \{"n":1\}$/);
}, 30_000);

it('are ended if they take too long, or are left behind', async () => {
  const name = script('mute', 'setInterval(() => undefined, 1000);');
  await expect(runProcess(name, {}, 200)).rejects.toThrow('got its end (SIGKILL)');
  const left = follow(fork(path.join(folder, 'mute-process.mjs')));
  endProcesses();
  expect(await once(left, 'exit')).toEqual([null, 'SIGKILL']);
}, 30_000);
