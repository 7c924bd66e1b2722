import { expect, it } from 'vitest';
import { LostTime } from '../../../../src/supervision/thread/lost-time.js';

it('is what a timer was late, seen as soon as it is overdue, and it never shrinks', () => {
  const lost = new LostTime(100, 0);
  lost.look(100);
  lost.look(210);
  expect([lost.at(210), lost.at(300)]).toEqual([0, 0]);
  // It stands still for 40 s. What runs before the timer rings knows that already.
  expect(lost.at(40_310)).toBe(40_000);
  lost.look(40_320);
  expect([lost.at(40_320), lost.at(40_420)]).toEqual([40_010, 40_010]);
});
