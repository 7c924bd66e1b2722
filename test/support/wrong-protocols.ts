/**
 * The snapshot's protocol, wrong in one way each: what the explorer of interleavings must find the bug of.
 */
import { bankOf, nextControl, type RecordPlace, Slot, slotIndex, slotOf } from '../../src/memory/layout.js';
import { type NoRecord, type ReadRecord, readRecord, RecordWriter } from '../../src/memory/record.js';
import type { SharedWords } from '../../src/memory/words.js';
import { PlainWords, type Step } from './explore-interleavings.js';
import { headerOf, noted, payloadOf, sameWords, TINY, TINY_WORDS, type Writing } from './tiny-record.js';

/** Words whose compareExchange is a load and a store. */
export const withoutCompareExchange = (words: SharedWords): SharedWords => ({
  ...sameWords(words),
  compareExchange(index, expected, replacement) {
    const was = words.load(index);
    if (was === expected) words.store(index, replacement);
    return was;
  },
});

/** Words whose compareExchange does not compare. */
export const withoutCompare = (words: SharedWords): SharedWords => ({
  ...sameWords(words),
  compareExchange(index, expected, replacement) {
    words.store(index, replacement);
    return expected;
  },
});

export interface Looks {
  /** Whether it looks at the control word again after it has loaded the slot. */
  readonly again: boolean;
  /** Whether a slot counts only if its stamp is the control word. */
  readonly stamp: boolean;
}

/** A reader with no checksum, and without what else it is told to leave out. */
export const readerThat =
  ({ again, stamp }: Looks) =>
  (words: SharedWords, place: RecordPlace): ReadRecord | NoRecord => {
    for (;;) {
      const control = words.load(place.control);
      if (control === 0) return { control };
      const base = slotIndex(place, bankOf(control), slotOf(control));
      const counts = !stamp || words.load(base + Slot.STAMP) === control;
      const slot = new Int32Array(place.slotWords);
      if (counts) for (let i = 0; i < slot.length; i += 1) slot[i] = words.load(base + i);
      if (again && words.load(place.control) !== control) continue;
      if (!counts || slot[Slot.BYTE_LENGTH] === 0) return { control };
      const issuedAtMs = new Float64Array(slot.slice(Slot.ISSUED_AT, Slot.ISSUED_AT + 2).buffer)[0] ?? 0;
      return {
        control,
        epoch: slot[Slot.EPOCH] ?? 0,
        generation: slot[Slot.GENERATION] ?? 0,
        issuedAtMs,
        expiresAtMs: 0,
        usableUntilMs: 0,
        payload: new Uint8Array(slot.buffer, Slot.PAYLOAD * 4, 4),
      };
    }
  };

/** The slot that a control word makes live, as the real writer fills it. */
const encode = (control: number, who: number, generation: number): Int32Array => {
  const words = new PlainWords(new Int32Array(TINY_WORDS));
  const before = (control - 4) ^ 1;
  const writer = new RecordWriter(words, TINY, { epoch: 1, bank: bankOf(control), control: before });
  words.store(TINY.control, before);
  writer.publish(headerOf(generation), payloadOf(who, generation));
  const base = slotIndex(TINY, bankOf(control), slotOf(control));
  return words.memory.slice(base, base + TINY.slotWords);
};

/** Makes the slot live first and fills it then. */
export const publishThenFill =
  ({ generation, event }: { readonly generation: number; readonly event: number }): Step =>
  (words, state) => {
    const { lease } = state as Writing;
    const control = nextControl(lease.control, lease.bank, 1 - slotOf(lease.control));
    noted(words, event, () => {
      words.store(TINY.control, control);
      fill(words, control, generation);
    });
    return { ...(state as Writing), lease: { ...lease, control } };
  };

/** Has one slot only, and fills it while it is live. */
export const publishInPlace =
  ({ generation, event }: { readonly generation: number; readonly event: number }): Step =>
  (words, state) => {
    const { lease } = state as Writing;
    const control = nextControl(lease.control, lease.bank, slotOf(lease.control));
    noted(words, event, () => {
      fill(words, control, generation);
      words.store(TINY.control, control);
    });
    return { ...(state as Writing), lease: { ...lease, control } };
  };

const fill = (words: SharedWords, control: number, generation: number): void => {
  const slot = encode(control, 1, generation);
  const base = slotIndex(TINY, bankOf(control), slotOf(control));
  for (let i = slot.length - 1; i >= 0; i -= 1) words.store(base + i, slot[i] ?? 0);
};

/** A fence that shuts the old writer out and leaves the record behind. */
export const fenceAndDrop = (words: SharedWords, bank: 0 | 1): number => {
  for (;;) {
    const control = words.load(TINY.control);
    const next = nextControl(control, bank, 0);
    if (words.compareExchange(TINY.control, control, next) === control) return next;
  }
};

/** Takes the generation from the word first, and looks at the record then. */
export const lastGenerationBackwards = (words: SharedWords, place: RecordPlace): number => {
  const remembered = words.load(place.generation ?? 0);
  const record = readRecord(words, place);
  return Math.max(remembered, record.payload ? record.generation : 0);
};
