/**
 * What every command of this project does first: dependencies from the lockfile if they are not what it says, the
 * build if the sources are not what it was made from. Plain Node, so that it runs in a clone with no node_modules.
 *
 * Each thing that is done says so in one line on stderr; where nothing is to be done, nothing is said.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { withLock } from './lock.mjs';

/** The top of the checkout. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** What the commands make and nobody keeps: locks, stamps, caches, temporary builds. */
export const SCRATCH = path.join(ROOT, '.build');

const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(SCRATCH, 'dist.json');
const OLDEST_NODE = [20, 19];

/** A set-up that can't go on, told without a stack. */
export class SetupError extends Error {}

/** @param {string} line */
const say = (line) => process.stderr.write(`setup: ${line}\n`);

/** @param {string} file @returns {any} undefined if there is none that can be read */
const readJson = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/** Every file below `directory`, sorted, relative to it. @param {string} directory @returns {string[]} */
const filesBelow = (directory) => {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();
};

/**
 * Runs a program to its end with its output kept: a set-up that goes well is silent.
 *
 * @param {string} command @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
const runQuietly = (command, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (/** @type {string} */ chunk) => void (output += chunk);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 1, output: signal ? `${output}\n${signal}` : output }));
  });

const checkNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SetupError(`Expected Node.js ${OLDEST_NODE.join('.')} or newer, got ${process.versions.node}`);
};

/**
 * Whether node_modules holds what the lockfile says. npm keeps a lockfile of its own in there, written when an
 * install has ended well; comparing the two also sees an install that was made by hand, and one that is too old.
 */
const dependenciesAreFresh = () => {
  const wanted = readJson(path.join(ROOT, 'package-lock.json'))?.packages;
  const present = readJson(path.join(ROOT, 'node_modules/.package-lock.json'))?.packages;
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([location, entry]) => {
    if (location === '') return true;
    const installed = present[location];
    if (!installed) return entry.optional === true || entry.devOptional === true;
    return installed.version === entry.version && existsSync(path.join(ROOT, location));
  });
};

/** The npm that runs us, or else the one on the path. @returns {[string, string[]]} */
const npm = () => {
  const running = process.env['npm_execpath'];
  if (running && path.basename(running) === 'npm-cli.js') return [process.execPath, [running]];
  return ['npm', []];
};

const installDependencies = async () => {
  if (!existsSync(path.join(ROOT, 'package-lock.json'))) throw new SetupError('There is no package-lock.json');
  say('installing the dependencies from package-lock.json (npm ci)');
  const [command, args] = npm();
  const { code, output } = await runQuietly(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund']);
  if (code !== 0) throw new SetupError(`npm ci failed (exit code ${code}):\n${output.trim()}`);
};

/** A digest of all that the build is made from. */
const digestOfSources = () => {
  const digest = createHash('sha256');
  const add = (/** @type {string} */ name, /** @type {Buffer} */ content) =>
    digest.update(`${name}\0${content.length}\0`).update(content);
  for (const file of ['tsconfig.json', 'package.json', 'node_modules/typescript/package.json', 'test/run/bundle.mjs']) {
    add(file, readFileSync(path.join(ROOT, file)));
  }
  for (const file of filesBelow(path.join(ROOT, 'src'))) add(`src/${file}`, readFileSync(path.join(ROOT, 'src', file)));
  return digest.digest('hex');
};

/** Size and time of every built file: what a build that nobody has touched looks like. */
const shapeOfDist = () =>
  filesBelow(DIST).map((file) => {
    const { size, mtimeMs } = statSync(path.join(DIST, file));
    return `${file} ${size} ${mtimeMs}`;
  });

/**
 * Makes `to` the same as `from`, file by file and each by one rename, so that a command that is running meanwhile
 * never meets a missing or half-written module. `from` is used up.
 *
 * @param {string} from @param {string} to
 */
const replaceFiles = (from, to) => {
  const made = filesBelow(from);
  for (const file of made) {
    const source = path.join(from, file);
    const target = path.join(to, file);
    if (existsSync(target) && readFileSync(source).equals(readFileSync(target))) continue;
    mkdirSync(path.dirname(target), { recursive: true });
    renameSync(source, target);
  }
  const kept = new Set(made);
  for (const file of filesBelow(to)) {
    if (!kept.has(file)) rmSync(path.join(to, file), { force: true });
  }
  const folders = readdirSync(to, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort((a, b) => b.length - a.length);
  for (const folder of folders) if (readdirSync(folder).length === 0) rmdirSync(folder);
};

/**
 * The last build, if it was made from the sources as they are and is still as it was made.
 *
 * @returns {{ errors: string } | undefined} its errors are '' if it went well
 */
const freshBuild = () => {
  const stamp = readJson(STAMP);
  if (stamp?.sources !== digestOfSources()) return undefined;
  return JSON.stringify(stamp.files) === JSON.stringify(shapeOfDist()) ? { errors: stamp.errors } : undefined;
};

/** @returns {Promise<{ errors: string }>} */
const build = async () => {
  say('building src into dist (tsc, esbuild)');
  const sources = digestOfSources();
  const temporary = path.join(SCRATCH, `dist-${process.pid}`);
  try {
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const { code, output } = await runQuietly(process.execPath, [compiler, '-p', ROOT, '--outDir', temporary]);
    if (filesBelow(temporary).length === 0) throw new SetupError(`The build made nothing:\n${output.trim()}`);
    // Loaded here, because esbuild may have been installed a moment ago.
    const { bundleEntries } = await import('./bundle.mjs');
    await bundleEntries(ROOT, temporary);
    replaceFiles(temporary, DIST);
    const errors = code === 0 ? '' : output.trim() || `tsc ended with exit code ${code}`;
    writeFileSync(STAMP, JSON.stringify({ sources, errors, files: shapeOfDist() }));
    return { errors };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
};

/**
 * Makes the checkout ready to run. Quick where there is nothing to do, and safe beside another command that does the
 * same.
 *
 * @param {object} [options]
 * @param {boolean} [options.dist] whether the build is needed; true by default
 * @param {boolean} [options.tolerant] return the errors of the build, which has emitted what it could, and go on
 * @returns {Promise<{ buildErrors: string }>} '' if there are none
 */
export const setUp = async ({ dist = true, tolerant = false } = {}) => {
  checkNode();
  const lock = path.join(SCRATCH, 'setup.lock');
  const waiting = () => say('waiting for another command to finish its set-up');
  if (!dependenciesAreFresh()) {
    await withLock(lock, { waiting }, async () => {
      if (!dependenciesAreFresh()) await installDependencies();
    });
  }
  if (!dist) return { buildErrors: '' };
  const built = freshBuild() ?? (await withLock(lock, { waiting }, async () => freshBuild() ?? (await build())));
  if (built.errors && !tolerant) throw new SetupError(`The build failed:\n${built.errors}`);
  return { buildErrors: built.errors };
};

/**
 * Runs a command's main function: a {@link SetupError} is told in words, all else with its stack.
 *
 * @param {() => Promise<void>} main
 */
export const runMain = async (main) => {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof SetupError ? `setup: ${error.message}` : inspect(error)}\n`);
    process.exitCode = 1;
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await setUp();
  });
}
