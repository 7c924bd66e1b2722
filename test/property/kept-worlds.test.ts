/** Worlds of the simulator in which something went wrong once, run again as they were drawn. */
import { describe, expect, test } from 'vitest';
import { importTypeScript } from '../run/typescript.mjs';
import type * as Simulator from '../simulator/index.js';
import { keptNames, readKept } from '../simulator/kept-worlds.mjs';

const { describeFailure, runKept, runSeed } = (await importTypeScript('test/simulator/index.ts')) as typeof Simulator;

describe('what is promised holds in', () => {
  test.each(keptNames())('%s', async (name) => {
    const { failure } = await runKept(readKept(name));
    expect(failure && describeFailure(failure)).toBeUndefined();
  });
});

test('a world is what was drawn in it: with another seed, the same draws are the same run', async () => {
  const { draws, digest } = await runSeed(5, { trace: true });
  const again = await runKept({ name: 'five', seed: 6, draws }, { trace: true });
  expect(again).toMatchObject({ digest, draws, left: 0, anew: 0 });
});

test('beyond what was recorded a world goes on as its seed does, and both are counted', async () => {
  const { draws, digest } = await runSeed(5, { trace: true });
  const first = Object.fromEntries(Object.entries(draws).map(([name, drawn]) => [name, drawn.slice(0, 3)]));
  const short = await runKept({ name: 'five', seed: 5, draws: first }, { trace: true });
  expect(short).toMatchObject({ digest, left: 0 });
  expect(short.anew).toBeGreaterThan(0);
  // Of a kind of deed that is no more, and of a draw that nothing asks for.
  const long = { ...draws, act: ['sing', ...draws['act']!.slice(1), 'dance'], colour: [1, 2] };
  expect(await runKept({ name: 'five', seed: 5, draws: long }, { trace: true })).toMatchObject({
    digest,
    left: 3,
    anew: 1,
  });
});

test('a violation in it says which world it was, and how to see it again', async () => {
  const { draws } = await runSeed(5);
  const invariants = () => [{ name: 'nothing happens', check: () => 'it did' }];
  const { failure } = await runKept({ name: 'five', seed: 5, draws }, { invariants });
  const told = describeFailure(failure!).split('\n');
  expect(told[0]).toBe('kept world five, step 1: violates "nothing happens"');
  expect(told.at(-1)).toBe('  to replay: npm run simulate -- --kept five');
});
