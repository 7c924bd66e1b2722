/** Credentials, for as long as their parent lets them. Tells every second what they cost, less what it costs to look. */
import { startSupervisor } from 'tokenvisor';
import { monoMs } from './clock.mjs';
import { manyCredentials } from './many-credentials.mjs';

const { url, count } = JSON.parse(process.argv[2] ?? '{}');
const supervisor = await startSupervisor(manyCredentials(count, url));
supervisor.on('event', () => undefined);
await supervisor.ready();
const children = Object.values(supervisor.children);

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
let lookingMs = 0;

/** A full collection a second alone is worth two refreshes: what looks is not what is measured. @param {() => void} look */
const outOfAccount = (look) => {
  const beforeMs = cpuMs();
  look();
  lookingMs += cpuMs() - beforeMs;
};

let unavailable = 0;
setInterval(() => {
  outOfAccount(() => {
    for (const child of children) if (child.last() === undefined) unavailable += 1;
  });
}, 50);
setInterval(() => {
  const sample = { atMs: monoMs(), cpuMs: cpuMs() - lookingMs, unavailable };
  outOfAccount(() => {
    globalThis.gc?.();
    const refreshes = children.reduce((sum, child) => sum + child.status().refreshes, 0);
    process.send?.({ ...sample, rss: process.memoryUsage.rss(), refreshes });
  });
}, 1_000);
// The parent process has ended.
process.on('disconnect', () => process.exit());
process.on('message', () => void supervisor.close().then(() => process.exit()));
