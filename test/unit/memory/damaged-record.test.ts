/**
 * A sealed record that something else has written into. It says which refresh token may be spent: so a successor that can't read
 * it does not begin, and never begins anew; and readers of any record find what was written, or nothing.
 */
import { describe, expect, test } from 'vitest';
import { ActorMemory } from '../../../src/actor/actor-memory.js';
import { SealedState } from '../../../src/kinds/credential/sealed-state.js';
import { allocateChildMemory, openWords } from '../../../src/memory/child-memory.js';
import { bankOf, SEALED, SEALED_BYTES, Slot, slotIndex, slotOf } from '../../../src/memory/layout.js';
import { readRecord, RecordWriter, takeLease, type FencingLease } from '../../../src/memory/record.js';
import type { SharedWords } from '../../../src/memory/words.js';
import { digestOf } from '../../../src/refresh-store/record.js';

const FIRST: FencingLease = { epoch: 1, bank: 0, control: 0 };

const vault = {
  revision: 1,
  writer: 'a',
  refreshToken: 'refresh-1',
  rotations: 0,
  seeds: [digestOf('refresh-1')],
  intent: { attempt: 1, token: digestOf('refresh-1'), replays: 0 },
};

/** An incarnation that has noted down that it is about to spend its refresh token, and the words that it has written. */
const died = () => {
  const memory = allocateChildMemory();
  const [shared, sealed] = [openWords(memory.shared), openWords(memory.sealed, SEALED_BYTES)];
  const successor = (lease: FencingLease): ActorMemory =>
    new ActorMemory(shared, sealed, { snapshot: FIRST, status: FIRST, sealed: lease });
  successor(FIRST).seal({ vault });
  const control = sealed.load(SEALED.control);
  const base = slotIndex(SEALED, bankOf(control), slotOf(control));
  const length = Slot.PAYLOAD + Math.ceil(sealed.load(base + Slot.BYTE_LENGTH) / 4);
  return { sealed, successor, control, base, length };
};

const flip = (words: SharedWords, index: number, bits: number): void => words.store(index, words.load(index) ^ bits);

const code = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

/** What a credential is begun with. */
const begun = (memory: ActorMemory): unknown =>
  code(() => new SealedState({ sealed: () => memory.sealed(), seal: () => undefined } as never).vault);

describe('a refresh token that may be spent is not sent again', () => {
  const { length } = died();
  const words = Array.from({ length }, (_, index) => index).filter((index) => index !== Slot.STAMP);
  const damages = [1, -(2 ** 31), -1, 1 << 20];

  test.each(words)('word %i of its record is damaged: no successor begins', (word) => {
    for (const bits of damages) {
      const { sealed, successor, control, base } = died();
      flip(sealed, base + word, bits);
      expect(begun(successor({ epoch: 2, bank: 0, control }))).toBe('INTERNAL');
    }
  });

  test('its length is damaged, to any that there can’t be: that was taken for no record', () => {
    for (const bytes of [-1, 2 ** 31 - 1, 65_536, -(2 ** 31)]) {
      const { sealed, successor, control, base } = died();
      sealed.store(base + Slot.BYTE_LENGTH, bytes);
      expect(begun(successor({ epoch: 2, bank: 0, control }))).toBe('INTERNAL');
    }
  });

  test('nor does one beside a zombie: a fence kept nothing of it, and the next one began anew', () => {
    const { sealed, successor, control, base } = died();
    flip(sealed, base + Slot.PAYLOAD, 1);
    const zombie = { epoch: 1, bank: 0, control } as const;
    const lease = takeLease(sealed, SEALED, 2, [zombie]);
    expect(lease.bank).toBe(1);
    expect(begun(successor(lease))).toBe('INTERNAL');
    expect(begun(successor(takeLease(sealed, SEALED, 3, [])))).toBe('INTERNAL');
  });

  test('nothing is damaged: the successor knows what was begun', () => {
    const { successor, control } = died();
    expect(begun(successor({ epoch: 2, bank: 0, control }))).toEqual(vault);
  });
});

test('a damaged control word, or stamp: the same record, or none; never another, and never half of one', () => {
  const same = (words: SharedWords): boolean => {
    const { payload } = readRecord(words, SEALED);
    if (payload) expect(Buffer.from(payload).includes(vault.intent.token)).toBe(true);
    return payload !== undefined;
  };
  const found = Array.from({ length: 32 }, (_, bit) => {
    const [word, stamp] = [died(), died()];
    flip(word.sealed, SEALED.control, 1 << bit);
    flip(stamp.sealed, stamp.base + Slot.STAMP, 1 << bit);
    expect(same(stamp.sealed)).toBe(false);
    return same(word.sealed);
  });
  // The one bit of it that asks readers to look again.
  expect(found.filter(Boolean)).toHaveLength(1);
});

test('what was published before is not found through a control word that points there', () => {
  const { sealed, control } = died();
  const writer = new RecordWriter(sealed, SEALED, { epoch: 2, bank: 0, control });
  writer.publish({ generation: 0, issuedAtMs: 0, expiresAtMs: 0, usableUntilMs: 0 }, Buffer.from('newer'));
  sealed.store(SEALED.control, control);
  expect(readRecord(sealed, SEALED).payload).toBeUndefined();
});
