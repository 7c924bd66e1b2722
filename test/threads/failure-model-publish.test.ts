/** The rows A7 and A8 of docs/explanation/failure-model.md: an actor dies in the middle of a publish. */
import { afterEach, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { Header, SHARED_BYTES } from '../../src/memory/layout.js';
import { begun, cleanUp, Control, eventually, readAllTheTime, supervise } from '../support/supervised.js';
import { Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const dying = (control: Control) =>
  credential({
    provider: { module: new URL('./fixtures/dies-in-publish.mjs', import.meta.url), export: 'provider' },
    options: {
      control: control.buffer,
      words: SHARED_BYTES / Int32Array.BYTES_PER_ELEMENT,
      controlIndex: Header.SNAPSHOT_CONTROL,
    },
    maxRestarts: 500,
  });

/** One that no publish has so many of: the thread ends right before the control word is changed. */
const ALL_STORES = 100_000;

/** One child for each point at which to die, all at once; each has its first token, and a thread that reads it. */
const publishing = async (points: readonly number[]) => {
  const controls = new Map(points.map((point) => [`at ${point}`, new Control()]));
  const specs = Object.fromEntries([...controls].map(([name, control]) => [nameOf(name), dying(control)]));
  const { supervisor, children, heard } = await supervise(specs, { startConcurrency: 8 });
  await supervisor.ready();
  return Promise.all(
    points.map(async (point) => {
      const name = nameOf(`at ${point}`);
      const child = children[name]!;
      const control = controls.get(`at ${point}`)!;
      return {
        point,
        control,
        child,
        reader: await readAllTheTime(child),
        died: () => heard.next('child:exited', name),
      };
    }),
  );
};

const nameOf = (text: string): string => text.replaceAll(' ', '-');

const EXIT = { reason: { kind: 'exit', code: 8 } };

test('A7: after any number of stores, before the control word: the old token, whole; the successor mints', async () => {
  const dyings = await publishing([1, 2, 3, 12, 40, ALL_STORES]);
  const ends = dyings.map(async ({ point, control, child, reader, died }) => {
    control.set(Word.FATAL_STORE, point);
    const waiting = child.refresh({ timeoutMs: 15_000 });
    expect(await died()).toMatchObject(EXIT);
    expect(control.get(Word.MINTS)).toBe(2);
    expect(child.current()).toMatchObject({ value: 'token-1', generation: 1 });
    // The interrupted one counts for the floor only: nobody was given it.
    expect(await waiting).toMatchObject({ value: 'token-3', generation: 2 });
    expect(['token-1', 'token-3']).toEqual(expect.arrayContaining(Object.keys(await reader.stop())));
    expect(child.status()).toMatchObject({ incarnation: 2, generation: 2 });
  });
  await Promise.all(ends);
});

test('A8: after the control word, before the wipe, the counters or the notify: the new token, for all', async () => {
  const dyings = await publishing([1, 2, 3, 40, 100]);
  const ends = dyings.map(async ({ point, control, child, reader, died }) => {
    control.set(Word.FATAL_STORE_AFTER, point);
    expect(await child.refresh({ timeoutMs: 15_000 })).toMatchObject({ value: 'token-2', generation: 2 });
    expect(await died()).toMatchObject(EXIT);
    await eventually('the successor', () => control.get(Word.OPENED) === 2);
    expect(await begun(child)).toMatchObject({ generation: 2, attempts: 2, refreshAtMs: expect.any(Number) as number });
    expect(child.current()).toMatchObject({ value: 'token-2', generation: 2 });
    // It is adopted: nothing is minted for the death, and the generation goes on.
    expect(await child.refresh({ timeoutMs: 15_000 })).toMatchObject({ value: 'token-3', generation: 3 });
    expect(control.get(Word.MINTS)).toBe(3);
    expect(['token-1', 'token-2', 'token-3']).toEqual(expect.arrayContaining(Object.keys(await reader.stop())));
  });
  await Promise.all(ends);
});
