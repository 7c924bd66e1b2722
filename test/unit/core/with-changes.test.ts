import { expect, it } from 'vitest';
import { withChanges } from '../../../src/core/with-changes.js';

it('is the same as a spread of both', () => {
  const hostile = JSON.parse('{"a":1,"__proto__":{"b":2}}') as { a: number };
  const changed = withChanges(hostile, { a: 3, c: undefined });
  expect(Object.entries(changed)).toEqual(Object.entries({ ...hostile, a: 3, c: undefined }));
  expect(Object.getPrototypeOf(changed)).toBe(Object.prototype);
  expect(hostile.a).toBe(1);
});
