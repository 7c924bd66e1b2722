import { expect, test } from 'vitest';
import { ActorReader } from '../../../src/actor/actor-reader.js';
import { attach } from '../../../src/attach.js';
import { allocateChildMemory } from '../../../src/memory/child-memory.js';
import { allocateTable } from '../../../src/table/table-memory.js';

test('a reader hands on what it reads, with its table', () => {
  const { shared } = allocateChildMemory();
  const reader = new ActorReader('counter', shared, allocateTable({ maxEntries: 100 }));
  reader.words.add(3, 42);
  const other = attach(reader.handle());
  expect(other.status()).toEqual(reader.status());
  expect(other.words.load(3)).toBe(42);
  expect(other.table.maxEntries).toBe(100);
  expect(new ActorReader('plain', shared).handle()).not.toHaveProperty('table');
});
