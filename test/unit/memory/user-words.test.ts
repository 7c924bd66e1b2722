import { describe, expect, it } from 'vitest';
import { allocateChildMemory, openWords } from '../../../src/memory/child-memory.js';
import { Header, OWN_WORDS } from '../../../src/memory/layout.js';
import { actorWords, readerWords } from '../../../src/memory/user-words.js';

const made = () => {
  const words = openWords(allocateChildMemory().shared);
  return { words, actor: actorWords(words), reader: readerWords(words) };
};

describe('the words of a child', () => {
  it('are the same for its actor and its readers, all sixteen, and begin with 0', () => {
    const { actor, reader } = made();
    const indices = Array.from({ length: OWN_WORDS }, (_, index) => index);
    expect(indices.map((index) => reader.load(index))).toEqual(indices.map(() => 0));
    for (const index of indices) actor.store(index, index + 100);
    expect(indices.map((index) => reader.load(index))).toEqual(indices.map((index) => index + 100));
    expect(reader.add(15, 5)).toBe(115);
    expect(actor.load(15)).toBe(120);
    expect(actor.add(15, -20)).toBe(120);
    expect(actor.compareExchange(15, 7, 8)).toBe(100);
    expect(actor.compareExchange(15, 100, 8)).toBe(100);
    expect(reader.load(15)).toBe(8);
  });

  it('leave all other words of the header alone', () => {
    const { words, actor } = made();
    const others = () => Array.from({ length: 64 }, (_, at) => at).filter((at) => at < 16 || at >= 32);
    const before = others().map((at) => words.load(at));
    for (let index = 0; index < OWN_WORDS; index += 1) actor.store(index, -1);
    expect(others().map((at) => words.load(at))).toEqual(before);
    expect(words.load(Header.OWN)).toBe(-1);
  });

  it('are signed: an unsigned integer of 32 bits is taken, and comes back as the signed one', () => {
    const { actor, reader } = made();
    actor.store(0, 2 ** 32 - 1);
    expect(reader.load(0)).toBe(-1);
    expect(reader.load(0) >>> 0).toBe(2 ** 32 - 1);
    expect(actor.compareExchange(0, 2 ** 32 - 1, 2 ** 31 - 1)).toBe(-1);
    reader.add(0, 1);
    expect(reader.load(0)).toBe(-(2 ** 31));
  });

  it.each([-1, 16, 1.5, NaN, '0', undefined, -16])('have no index %s', (index) => {
    const { words, actor } = made();
    const refused = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('from 0 to 15') as string,
    }) as Error;
    for (const use of [
      () => actor.load(index as number),
      () => actor.add(index as number, 1),
      () => actor.store(index as number, 1),
      () => actor.compareExchange(index as number, 0, 1),
    ]) {
      expect(use).toThrow(refused);
    }
    expect(words.load(Header.MAGIC)).not.toBe(1);
  });

  it.each([0.5, NaN, Infinity, 2 ** 32, -(2 ** 31) - 1, '1', undefined])('hold no %s', (value) => {
    const { actor } = made();
    const refused = expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error;
    expect(() => actor.store(0, value as number)).toThrow(refused);
    expect(() => actor.add(0, value as number)).toThrow(refused);
    expect(() => actor.compareExchange(0, 0, value as number)).toThrow(refused);
    expect(() => actor.compareExchange(0, value as number, 0)).toThrow(refused);
    expect(actor.load(0)).toBe(0);
  });
});
