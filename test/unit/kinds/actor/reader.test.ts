import { expect, test } from 'vitest';
import { ActorReader } from '../../../../src/kinds/actor/reader.js';
import { attach } from '../../../../src/attach.js';
import { allocateChildMemory, bindWords } from '../../../../src/memory/child-memory.js';
import { SNAPSHOT } from '../../../../src/memory/layout.js';
import { RecordWriter } from '../../../../src/memory/record.js';
import { AtomicWords } from '../../../../src/memory/words.js';
import { createSimulatedClock } from '../../../../src/testing/simulated-clock.js';
import { allocateTable } from '../../../../src/table/table-memory.js';

test('a reader hands on what it reads, with its table', () => {
  const { shared } = allocateChildMemory();
  const reader = new ActorReader({ name: 'counter', memory: shared, table: allocateTable({ maxEntries: 100 }) });
  reader.words.add(3, 42);
  const other = attach(reader.handle());
  expect(other.status()).toEqual(reader.status());
  expect(other.words.load(3)).toBe(42);
  expect(other.table.maxEntries).toBe(100);
  expect(new ActorReader({ name: 'plain', memory: shared }).handle()).not.toHaveProperty('table');
});

test('what is published is compared with the wall clock of its words: forth, it has expired; back, it has not', () => {
  const { shared } = allocateChildMemory();
  const clock = createSimulatedClock({ wallMs: 1_000_000 });
  const words = new AtomicWords(shared, clock);
  bindWords(shared, words);
  const instants = { generation: 1, issuedAtMs: 0, expiresAtMs: 1_060_000, usableUntilMs: 1_060_000 };
  new RecordWriter(words, SNAPSHOT, { epoch: 1, bank: 0, control: 0 }).publish(instants, Buffer.from('42'));
  const reader = new ActorReader({ name: 'counter', memory: shared });
  expect(reader.snapshot()).toBe(42);
  clock.stepWall(60_000);
  expect(reader.snapshot()).toBeUndefined();
  clock.stepWall(-1);
  expect(reader.snapshot()).toBe(42);
});
