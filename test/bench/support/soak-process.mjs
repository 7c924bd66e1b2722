/** Credentials, for as long as their parent lets them. Tells what they cost every second. */
import { startSupervisor } from 'tokenvisor';
import { manyCredentials } from './many-credentials.mjs';

const { url, count } = JSON.parse(process.argv[2] ?? '{}');
const supervisor = await startSupervisor(manyCredentials(count, url));
supervisor.on('event', () => undefined);
await supervisor.ready();
const children = Object.values(supervisor.children);
let unavailable = 0;
setInterval(() => {
  for (const child of children) if (child.peek() === undefined) unavailable += 1;
}, 50);
setInterval(() => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const refreshes = children.reduce((sum, child) => sum + child.status().refreshes, 0);
  process.send?.({ cpuMs: (user + system) / 1_000, rss: process.memoryUsage.rss(), refreshes, unavailable });
}, 1_000);
process.on('message', () => void supervisor.close().then(() => process.exit()));
