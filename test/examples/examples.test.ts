import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findExamples } from '../run/examples.mjs';
import { ROOT } from '../run/setup.mjs';

/** An example runs in seconds; the rest is for a busy machine. */
const LIMIT_MS = 45_000;

/** The demo has arguments of its own, and a test of its own. */
const examples = findExamples().filter((example) => example.name !== 'demo');

/** What `npm run example -- ...` does. */
const runExample = (...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const command = [path.join(ROOT, 'test/run/example.mjs'), ...args];
    execFile(process.execPath, command, { cwd: ROOT, timeout: LIMIT_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
  });

describe('every example', () => {
  // Two at a time (maxConcurrency): each has its own process and ports, and waits more than it works.
  it.concurrent.each(examples)('$name runs to its end, and shows something', async ({ name }) => {
    const { code, stdout, stderr } = await runExample(name);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).not.toBe('');
  });

  it.each(examples)('$name says in its first comment what it shows', ({ summary }) => {
    expect(summary).toMatch(/^.{10,160}[.:]$/);
  });
});

describe('the list of examples', () => {
  it('is shown where no name is given', async () => {
    const { code, stderr } = await runExample();
    expect(code).toBe(0);
    for (const { name, summary } of examples) expect(stderr).toMatch(new RegExp(`${name} +${summary.slice(0, 10)}`));
  });

  it('is shown, as an error, where there is no such example', async () => {
    const { code, stderr } = await runExample('no-such-example');
    expect(code).toBe(1);
    expect(stderr).toContain("There is no example 'no-such-example'.");
  });
});
