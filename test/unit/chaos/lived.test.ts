import { expect, test } from 'vitest';
import { Lived } from '../../chaos/lived.mjs';

const sample = (fromMonoMs: number, toMonoMs: number, livedMs: number) => ({ fromMonoMs, toMonoMs, livedMs });

test('all time counts where nothing was measured', () => {
  const lived = new Lived([]);
  expect(lived.between(100, 350)).toBe(250);
  expect(lived.after(100, 250)).toBe(350);
});

test('of a time that was measured so much counts as the machine gave', () => {
  const lived = new Lived([sample(0, 100, 100), sample(100, 300, 50), sample(300, 400, 100)]);
  expect(lived.between(0, 400)).toBe(250);
  expect(lived.between(200, 350)).toBe(75);
  expect(lived.after(50, 50)).toBe(100);
  expect(lived.after(50, 75)).toBe(200);
  expect(lived.after(50, 150)).toBe(350);
});

test('before, between and after what was measured all time counts', () => {
  const lived = new Lived([sample(100, 200, 10), sample(300, 400, 10)]);
  expect(lived.between(0, 500)).toBe(320);
  expect(lived.after(0, 320)).toBe(500);
  expect(lived.between(450, 500)).toBe(50);
});

test('time that was not given at all is passed over', () => {
  const lived = new Lived([sample(0, 1_000, 0)]);
  expect(lived.between(200, 1_500)).toBe(500);
  expect(lived.after(200, 10)).toBe(1_010);
});
