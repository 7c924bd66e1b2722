/** A kind that emits without end. */
import { afterEach, expect, test } from 'vitest';
import { actor, credential } from 'tokenvisor';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const module = new URL('./fixtures/flooding-kind.mjs', import.meta.url);
const EVENTS = 50_000;
/** Emitted in one turn of the actor. */
const AT_ONCE = 5_000;

test('a flood of events reaches its listeners whole and in order; the others are served, and the process goes on', async () => {
  const { children, supervisor } = await supervise({
    flooding: actor({ behaviour: { module, export: 'flooding' } }),
    upstream: credential({ provider: { module, export: 'plain' } }),
  });
  await supervisor.ready();
  const token = await children.upstream.get();
  let next = 0;
  let isInOrder = true;
  supervisor.on('event', (event) => {
    const { type, at } = event as unknown as { type: string; at: number };
    if (type !== 'flood') return;
    isInOrder &&= at === next;
    next += 1;
  });
  const flooding = children.flooding;
  for (let from = 0; from < EVENTS; from += AT_ONCE) flooding.cast({ from, count: AT_ONCE });
  while (next < EVENTS) {
    expect(children.upstream.current().generation).toBe(token.generation);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(isInOrder).toBe(true);
  expect(await flooding.call('done', { timeoutMs: 30_000 })).toBe('done');
  expect(flooding.status()).toMatchObject({ incarnation: 1, restarts: 0 });
  expect(children.upstream.status()).toMatchObject({ incarnation: 1, state: 'fresh' });
});
