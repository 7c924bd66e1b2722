import { expect, it } from 'vitest';
import { UnderWay } from '../../../src/core/under-way.js';

it('has those that were added and not removed, in that order', () => {
  const list = new UnderWay<string>();
  const [first, second, , last] = ['a', 'b', 'c', 'd'].map((value) => list.add(value));
  expect([list.remove(second!), list.remove(second!), list.remove(last!)]).toEqual([true, false, true]);
  list.add('e');
  expect(list.remove(first!)).toBe(true);
  expect(list.removeAll()).toEqual(['c', 'e']);
  expect(list.removeAll()).toEqual([]);
});

it('says of one that was taken out with all others that it is gone', () => {
  const list = new UnderWay<number>();
  const entry = list.add(1);
  list.removeAll();
  expect(list.remove(entry)).toBe(false);
  list.add(2);
  expect(list.removeAll()).toEqual([2]);
});

it('takes out no more than it had: what is added meanwhile stays', () => {
  const list = new UnderWay<() => void>();
  list.add(() => void list.add(() => undefined));
  for (const run of list.removeAll()) run();
  expect(list.removeAll()).toHaveLength(1);
});
