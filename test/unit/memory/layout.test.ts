import { describe, expect, test } from 'vitest';
import {
  bankOf,
  Header,
  OWN_WORDS,
  nextControl,
  refusedControl,
  stampOf,
  payloadBytes,
  SEALED,
  SEALED_BYTES,
  SHARED_BYTES,
  Slot,
  slotIndex,
  slotOf,
  SNAPSHOT,
  STATUS,
  SUPERVISION,
} from '../../../src/memory/layout.js';

const FIRST_SLOT_WORD = 1_024;

test('every word of the header has an index of its own, before the first slot', () => {
  const { HEARTBEAT, OWN, ...others } = Header;
  const own = Array.from({ length: OWN_WORDS }, (_, index) => OWN + index);
  const indices = [HEARTBEAT, HEARTBEAT + 1, ...own, ...Object.values(others)];
  expect(new Set(indices).size).toBe(indices.length);
  expect(Math.max(...indices)).toBeLessThan(FIRST_SLOT_WORD);
});

test.each([
  { buffer: 'shared', places: [SNAPSHOT, STATUS, SUPERVISION], bytes: SHARED_BYTES },
  { buffer: 'sealed', places: [SEALED], bytes: SEALED_BYTES },
])('the slots of the $buffer buffer follow each other, with nothing between and nothing after', ({ places, bytes }) => {
  let next = FIRST_SLOT_WORD;
  for (const place of places) {
    for (const bank of [0, 1]) {
      for (const slot of [0, 1]) {
        expect(slotIndex(place, bank, slot)).toBe(next);
        next += place.slotWords;
      }
    }
  }
  expect(next * 4).toBe(bytes);
});

test('a payload takes what the header of a slot leaves', () => {
  expect(payloadBytes(SNAPSHOT)).toBe(65_536 - Slot.PAYLOAD * 4);
  expect(payloadBytes(STATUS)).toBe(8_192 - Slot.PAYLOAD * 4);
});

describe('a control word', () => {
  test('says its bank and its slot, whatever came before', () => {
    for (const before of [0, 1, -1, 0x7fff_ffff, -0x8000_0000, nextControl(0, 1, 1)]) {
      for (const bank of [0, 1]) {
        for (const slot of [0, 1]) {
          const control = nextControl(before, bank, slot);
          expect({ bank: bankOf(control), slot: slotOf(control) }).toEqual({ bank, slot });
          expect(control).toBe(control | 0);
          expect(control).not.toBe(before);
        }
      }
    }
  });

  test('counts changes: none is the same as the last ones, whichever slots they were of', () => {
    const seen = new Set<number>();
    let control = 0;
    for (let change = 0; change < 10_000; change += 1) {
      control = nextControl(control, (change % 3) & 1, change & 1);
      seen.add(control);
    }
    expect(seen.size).toBe(10_000);
  });

  test('is never 0 again, even when the count comes round', () => {
    const last = -8;
    expect(last >>> 3).toBe(2 ** 29 - 1);
    expect(nextControl(last, 0, 0)).toBe(1 << 3);
  });

  test('that is refused is another one, of the same record; the next one is refused no more', () => {
    for (const control of [nextControl(0, 0, 1), nextControl(-8, 1, 0), -8]) {
      const refused = refusedControl(control);
      expect(refused).not.toBe(control);
      expect([stampOf(refused), stampOf(control)]).toEqual([control, control]);
      expect({ bank: bankOf(refused), slot: slotOf(refused) }).toEqual({
        bank: bankOf(control),
        slot: slotOf(control),
      });
      expect(nextControl(refused, 1, 1)).toBe(nextControl(control, 1, 1));
    }
  });
});

test('what readers count in is on a cache line of its own', () => {
  const LINE = 16;
  expect(Header.OWN % LINE).toBe(0);
  expect(OWN_WORDS).toBe(LINE);
});
