import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it } from 'vitest';

interface Left {
  readonly untilCollected: number;
  readonly forGood: number;
}

/**
 * An actor is quiet, and sees a full collection once in hours: what each mint leaves in the old heap until then is how its
 * process grows. It was 6 to 7 kB, and 2 MB a minute in a process with 20 credentials of 5 s.
 */
it('mints leave next to nothing in the old heap', async () => {
  const script = path.join(import.meta.dirname, 'fixtures/old-heap.mjs');
  const child = fork(script, { execArgv: ['--expose-gc'], timeout: 110_000, killSignal: 'SIGKILL' });
  const [{ exchange, actor }] = (await once(child, 'message')) as [{ exchange: Left; actor: Left }];
  expect(exchange.untilCollected).toBeLessThan(1_500);
  expect(exchange.forGood).toBeLessThan(1_000);
  // The clock, and the provider of a test's, have their share of it: a new AbortSignal a mint.
  expect(actor.untilCollected).toBeLessThan(4_000);
  expect(actor.forGood).toBeLessThan(1_000);
}, 120_000);
