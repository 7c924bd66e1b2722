/**
 * The package as a user gets it: packed, and installed into an empty project.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../run/setup.mjs';

const execute = promisify(execFile);

/** What npm says when no registry can be reached. */
export const OFFLINE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED|ENETUNREACH)\b/;

/** How a program ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** A program that takes longer hangs: it is ended, and has failed. */
  readonly limitMs?: number;
}

/** What a shell of the user's has; not what the test runner adds for programs that it starts. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|TEST$|FORCE_COLOR)/.test(name)),
  );

/** Runs a program to its end; one that fails is a result as well. */
export const runWith = async (
  { variables, limitMs = 50_000 }: RunOptions,
  cwd: string,
  command: string,
  ...args: string[]
): Promise<Run> => {
  try {
    const env = { ...environment(), ...variables };
    const options = { cwd, env, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 } as const;
    return { code: 0, ...(await execute(command, args, options)) };
  } catch (error) {
    const {
      code,
      stdout = '',
      stderr = '',
      message,
    } = error as Error & Partial<Record<'stdout' | 'stderr', string>> & { code?: unknown };
    return { code: typeof code === 'number' ? code : 1, stdout, stderr: stderr || message };
  }
};

export const run = (cwd: string, command: string, ...args: string[]): Promise<Run> =>
  runWith({}, cwd, command, ...args);

/** An install may have to fetch much. */
const NPM_LIMIT_MS = 150_000;

export const npm = async (cwd: string, ...args: string[]): Promise<Run> => {
  const cli = process.env['npm_execpath'];
  return cli && path.basename(cli) === 'npm-cli.js'
    ? runWith({ limitMs: NPM_LIMIT_MS }, cwd, process.execPath, cli, ...args)
    : runWith({ limitMs: NPM_LIMIT_MS }, cwd, 'npm', ...args);
};

/** The files of a packed package, by their names in it. */
export interface Tarball {
  readonly file: string;
  readonly contents: readonly string[];
}

export const pack = async (destination: string): Promise<Tarball> => {
  const { code, stdout, stderr } = await npm(
    ROOT,
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    destination,
  );
  if (code !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const answer = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  const [packed] = Object.values(answer);
  if (!packed) throw new Error(`npm pack told of no tarball: ${stdout}`);
  return { file: path.join(destination, packed.filename), contents: packed.files.map((file) => file.path) };
};

/** The folders of the runtime dependencies and of theirs, as our own lockfile has them. */
const runtimeFolders = async (): Promise<string[]> => {
  const lockfile = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
  };
  return Object.entries(lockfile.packages)
    .filter(([folder, entry]) => folder !== '' && !entry.dev && !entry.devOptional && !entry.optional)
    .map(([folder]) => folder);
};

/** What `npm install` would have done, from what is installed here. */
const installByHand = async (project: string, tarball: string): Promise<void> => {
  const modules = path.join(project, 'node_modules');
  await mkdir(modules, { recursive: true });
  const { code, stderr } = await run(modules, 'tar', '-xzf', tarball);
  if (code !== 0) throw new Error(`tar failed: ${stderr}`);
  await rename(path.join(modules, 'package'), path.join(modules, 'tokenvisor'));
  for (const folder of await runtimeFolders()) {
    await cp(path.join(ROOT, folder), path.join(project, folder), { recursive: true });
  }
};

/** An empty folder outside of the checkout. */
export const temporaryFolder = async (): Promise<string> => realpath(await mkdtemp(path.join(tmpdir(), 'tokenvisor-')));

/** An empty project with the tarball installed: by npm, or by hand where there is no registry. */
export const install = async (folder: string, tarball: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true }));
  const { code, stderr } = await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
  if (code === 0) return;
  if (!OFFLINE.test(stderr)) throw new Error(`npm install failed: ${stderr}`);
  await rm(path.join(folder, 'node_modules'), { recursive: true, force: true });
  await installByHand(folder, tarball);
};
