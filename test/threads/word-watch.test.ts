import { afterEach, expect, test } from 'vitest';
import { cleanUp, message, thread } from '../support/supervised.js';

afterEach(cleanUp);

test('regression: a thread that had seen a word change without a pause was deaf to it until its next timer', async () => {
  const shared = new SharedArrayBuffer(4);
  const watcher = thread('word-watcher.mjs', shared);
  expect(await message(watcher)).toBe('watches');
  const next = message(watcher);
  const view = new Int32Array(shared);
  Atomics.add(view, 0, 1);
  Atomics.notify(view, 0);
  expect(await next).toBe('heard');
});
