/** The words that a child has of its own, over deaths of its actor and of the supervisor thread. */
import { afterEach, expect, test } from 'vitest';
import { actor, attach } from 'tokenvisor';
import { killSupervisorThread } from 'tokenvisor/testing';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const behaviour = { module: new URL('./fixtures/doors-kind.mjs', import.meta.url), export: 'doors' };

test('what was stored and counted there outlives the actor and the supervisor thread, and every reader sees it', async () => {
  const { supervisor, children, heard } = await supervise({ own: actor({ behaviour, maxRestarts: 500 }) });
  const { own } = children;
  const reader = attach(own.handle());
  expect([own.words.load(0), reader.words.load(0)]).toEqual([1, 1]);
  expect(reader.words.add(1, 41)).toBe(0);
  expect(own.words.add(1, 1)).toBe(41);

  own.cast({ do: 'throw' });
  await heard.next('child:restarted');
  expect([reader.words.load(0), reader.words.load(1)]).toEqual([2, 42]);

  await killSupervisorThread(supervisor);
  await heard.next('child:restarted');
  expect([reader.words.load(0), reader.words.load(1)]).toEqual([3, 42]);
  expect(await own.call({ do: 'count', with: 42 })).toBe(42);
  expect(reader.words.load(1)).toBe(0);
});
