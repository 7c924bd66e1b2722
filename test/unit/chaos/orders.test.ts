import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { obeyOrders } from '../../chaos/deaths.mjs';
import { Word } from '../../chaos/ground.mjs';
import { untilTaken } from '../../chaos/stage.mjs';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Of a kind that does nothing. */
const ORDER = 99;
const CHILD = 3;

const order = (words: Int32Array): number => Atomics.load(words, Word.ORDERS + CHILD);

test('a thread obeys an order, and says so in the same step', () => {
  const words = new Int32Array(64);
  obeyOrders(words, CHILD);
  Atomics.store(words, Word.ORDERS + CHILD, ORDER);
  vi.advanceTimersByTime(50);
  expect(order(words)).toBe(-ORDER);
});

test('an order for a predecessor is dropped in the boot, and is not obeyed', () => {
  const words = new Int32Array(64);
  Atomics.store(words, Word.ORDERS + CHILD, ORDER);
  obeyOrders(words, CHILD);
  expect(order(words)).toBe(0);
  vi.advanceTimersByTime(50);
  expect(order(words)).toBe(0);
});

test('the answer of a predecessor stays until it is read', () => {
  const words = new Int32Array(64);
  Atomics.store(words, Word.ORDERS + CHILD, -ORDER);
  obeyOrders(words, CHILD);
  vi.advanceTimersByTime(50);
  expect(order(words)).toBe(-ORDER);
});

const down = (): Promise<never> => Promise.reject(Object.assign(new Error('down'), { code: 'ACTOR_DOWN' }));

const atOnce = (): Promise<void> => Promise.resolve();

test('a change over which threads die twice is made until it is taken', async () => {
  const request = vi.fn(() => (request.mock.calls.length <= 2 ? down() : Promise.resolve('taken')));
  expect(await untilTaken(request, atOnce)).toBe('taken');
  expect(request).toHaveBeenCalledTimes(3);
});

test('a change that is refused is not made again, nor any for ever', async () => {
  const refused = vi.fn(() => Promise.reject(Object.assign(new Error('no'), { code: 'CONFIG_INVALID' })));
  await expect(untilTaken(refused, atOnce)).rejects.toThrow('no');
  expect(refused).toHaveBeenCalledTimes(1);
  await expect(untilTaken(down, atOnce)).rejects.toThrow('down');
});
