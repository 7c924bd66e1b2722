import { execFile, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';

/** Three loads, and half a load more on a slow machine; the rest is for starts and ends. */
const SECONDS = 6;
const LIMIT_MS = 150_000;

const COMMAND = path.join(ROOT, 'test/run/example.mjs');

const count: unknown = expect.any(Number);
const SHAPE = {
  handedOut: count,
  expired: count,
  refused: count,
  unavailable: count,
  waitMs: { p50: count, p99: count, max: count },
  refreshes: count,
  mints: count,
  restarts: count,
  happened: { throw: count, exit: count, loop: count, terminate: count, supervisorDeath: count, outage: count },
};

interface Summary {
  readonly handedOut: number;
  readonly expired: number;
  readonly refused: number;
  readonly unavailable: number;
  readonly refreshes: number;
  readonly mints: number;
  readonly restarts: number;
  readonly happened: Readonly<Record<string, number>>;
}

/** The ids of the processes below this one, as Linux tells them. */
const descendantsOf = (pid: number): readonly number[] => {
  const children = readdirSync('/proc').filter((entry) => {
    try {
      return (
        /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === `${pid}`
      );
    } catch {
      return false; // It has ended meanwhile.
    }
  });
  return children.flatMap((child) => [Number(child), ...descendantsOf(Number(child))]);
};

const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe('the demo', () => {
  let code: unknown;
  let stdout = '';
  let stderr = '';

  beforeAll(async () => {
    await new Promise<void>((resolve) => {
      const command = [COMMAND, 'demo', '--seconds', `${SECONDS}`, '--json'];
      execFile(process.execPath, command, { cwd: ROOT, timeout: LIMIT_MS }, (error, out, err) => {
        code = error ? (error.code ?? error.signal) : 0;
        stdout = out;
        stderr = err;
        resolve();
      });
    });
  }, LIMIT_MS);

  const summaries = (): Record<string, Summary> =>
    JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, Summary>;

  it('ends well, and says what came of it', () => {
    expect({ code, stderr, verdict: code === 0 ? '' : stdout }).toEqual({ code: 0, stderr: '', verdict: '' });
    expect(stdout).toContain('no expired token, no refused call, no gap, no wait');
  });

  it('prints one line of JSON last, of the documented shape', () => {
    expect(summaries()).toEqual({ ours: SHAPE, interval: SHAPE, lazy: SHAPE });
  });

  it('hands out tokens in all three loads, and never a bad one in ours', () => {
    const { ours, interval, lazy } = summaries();
    for (const summary of [ours, interval, lazy]) expect(summary?.handedOut).toBeGreaterThan(1_000);
    expect(ours).toMatchObject({ expired: 0, refused: 0, unavailable: 0 });
    expect(ours?.mints).toBeLessThan(lazy?.mints ?? 0);
  });

  it('makes everything happen to ours that it says it does', () => {
    const { ours } = summaries();
    for (const [kind, times] of Object.entries(ours?.happened ?? {}))
      expect({ kind, happened: times > 0 }).toEqual({ kind, happened: true });
    expect(ours?.refreshes).toBeGreaterThan(0);
    expect(ours?.restarts).toBeGreaterThan(0);
  });
});

describe('the arguments of the demo', () => {
  it.each([['--seconds', '5'], ['--seconds', 'long'], ['--sconds', '10'], ['extra']])(
    '%s %s: says what it expects',
    async (...args) => {
      const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
        execFile(process.execPath, [COMMAND, 'demo', ...args], { cwd: ROOT, timeout: LIMIT_MS }, (error, _out, err) => {
          resolve({ code: error?.code ?? 0, stderr: err });
        });
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^The demo failed: /);
    },
  );
});

describe.runIf(process.platform === 'linux')('a demo that is stopped', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s leaves no process behind',
    async (signal) => {
      const demo = spawn(process.execPath, [path.join(ROOT, 'examples/demo/index.js')], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let shown = '';
      demo.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          if (!shown.includes('handed out')) return;
          clearInterval(timer);
          resolve();
        }, 50);
      });
      const processes = descendantsOf(demo.pid ?? 0);
      expect(processes.length).toBeGreaterThanOrEqual(3);
      const exited = new Promise((resolve) => demo.once('exit', resolve));
      demo.kill(signal);
      expect(await exited).toBe(signal === 'SIGINT' ? 130 : 143);
      await expect.poll(() => processes.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    },
    LIMIT_MS,
  );
});
