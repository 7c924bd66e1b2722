/** 20 credentials of 5 s, for as long as its parent lets it. Tells what it costs every second. */
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';

const { url, count } = JSON.parse(process.argv[2] ?? '{}');
const supervisor = await startSupervisor(
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `credential-${index}`,
      credential({
        provider: clientCredentials({
          tokenEndpoint: url,
          clientId: 'bench',
          clientSecret: `fake-${Math.random().toString(36).slice(2)}`,
        }),
      }),
    ]),
  ),
);
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
