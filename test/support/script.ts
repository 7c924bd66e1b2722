/** Scripts in processes of their own, run to their end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { BOUND_MS } from './supervised.js';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = new URL('../..', import.meta.url).pathname;

const PRELUDE = `
import { actor, attach, credential, startSupervisor } from 'tokenvisor';
const fixture = (name) => new URL(name, ${JSON.stringify(new URL('../threads/fixtures/', import.meta.url).href)});
const control = new SharedArrayBuffer(64);
const words = new Int32Array(control);
const mortal = (options = {}) =>
  credential({ provider: { module: fixture('mortal-provider.mjs'), export: 'provider' }, options: { control }, ...options });
const scripted = (options = {}, child = {}) =>
  actor({ behaviour: { module: fixture('scripted-actor.mjs'), export: 'scripted' }, options, ...child });
`;

/** Runs an ES module that has the package's names, `mortal()` and `scripted()`; `meet` is called with its process. */
export const runScript = (source: string, meet: (child: ChildProcess) => void = () => undefined): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', PRELUDE + source], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
      const texts: string[] = [];
      stream.setEncoding('utf8').on('data', (text: string) => texts.push(text));
      return texts;
    }) as [string[], string[]];
    const bound = setTimeout(() => child.kill('SIGKILL'), BOUND_MS);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(bound);
      resolve({ code, signal, stdout: stdout.join(''), stderr: stderr.join('') });
    });
    meet(child);
  });
