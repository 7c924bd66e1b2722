/** What readers see of an actor that has ended: `onExit`. */
import { afterEach, expect, test } from 'vitest';
import { actor, type Actor, type ActorOptions, type ChildSpec } from 'tokenvisor';
import { killSupervisorThread } from 'tokenvisor/testing';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const behaviour = { module: new URL('./fixtures/doors-kind.mjs', import.meta.url), export: 'doors' };

/** Its first incarnation publishes, and no other does. */
const publisher = (options: Partial<ActorOptions>): ChildSpec<Actor> =>
  actor({ behaviour, options: { value: 'published' }, maxRestarts: 1, ...options });

test('withdraw: gone with its actor, when that is told, and not published again; keep: still there', async () => {
  const { supervisor, children } = await supervise(
    { gone: publisher({ onExit: 'withdraw' }), kept: publisher({}) },
    { parkMs: 3_600_000, parkMaxMs: 3_600_000 },
  );
  const { gone, kept } = children;
  expect([gone.snapshot(), kept.snapshot()]).toEqual(['published', 'published']);
  const seen: string[] = [];
  supervisor.on('child:exited', ({ name }) => seen.push(`${name}: ${String(children[name as 'gone'].snapshot())}`));
  const parked = new Promise((resolve) => {
    const names = new Set<string>();
    supervisor.on('child:parked', ({ name }) => names.add(name).size === 2 && resolve(names));
  });
  supervisor.on('child:restarted', ({ name }) => children[name as 'gone'].cast({ do: 'throw' }));
  gone.cast({ do: 'throw' });
  kept.cast({ do: 'exit' });
  await parked;
  expect(seen.toSorted()).toEqual([
    ...['gone: undefined', 'gone: undefined'],
    ...['kept: published', 'kept: published'],
  ]);
});

test('withdraw: gone with the supervisor thread too, before its death is told', async () => {
  const { supervisor, children, heard } = await supervise({
    gone: publisher({ onExit: 'withdraw' }),
    kept: publisher({}),
  });
  const { gone, kept } = children;
  const atTheExit = new Promise((resolve) => {
    supervisor.on('supervisor:exited', () => resolve([gone.snapshot(), kept.snapshot()]));
  });
  await killSupervisorThread(supervisor);
  expect(await atTheExit).toEqual([undefined, 'published']);
  await heard.next('supervisor:restarted');
  expect([gone.snapshot(), kept.snapshot()]).toEqual([undefined, 'published']);
});
