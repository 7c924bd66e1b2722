/**
 * A record: one writer, any number of readers, no lock. See docs/explanation/memory-model.md.
 *
 * Two banks of two slots; the control word says which slot is live. The writer fills the other slot of its bank, then
 * makes it live by a compareExchange of the control word from the value that it expects. Any change of the control word
 * in between (a fence, a withdrawal) makes that compareExchange fail, for good: a writer never reads the control word
 * again, so a fenced writer can't come back.
 */
import { TokenvisorError } from '../core/errors.js';
import {
  bankOf,
  nextControl,
  payloadBytes,
  type RecordPlace,
  refusedControl,
  Slot,
  slotIndex,
  slotOf,
  stampOf,
} from './layout.js';
import { raise, type SharedWords } from './words.js';

/** The header of a record. */
export interface RecordHeader {
  readonly generation: number;
  /** Instants in ms since the Unix epoch; `Infinity` is never. 0 in a record that does not use them. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly usableUntilMs: number;
}

/** The header of a record without generations and instants. */
export const NO_INSTANTS: RecordHeader = { generation: 0, issuedAtMs: 0, expiresAtMs: 0, usableUntilMs: 0 };

export interface ReadRecord extends RecordHeader {
  /** The control word under which it was read. */
  readonly control: number;
  /** The incarnation that wrote it. */
  readonly epoch: number;
  readonly payload: Uint8Array;
}

/** No record: never written, withdrawn, or (`control` undefined) changed during every attempt to read it. */
export interface NoRecord {
  readonly control: number | undefined;
  readonly payload?: undefined;
  /** The record is there but its checksum is wrong: something else has written to this memory. */
  readonly damaged?: true;
}

/** A writer changes a record once a second at most, so a reader that fails this often reads corrupt memory. */
const READ_ATTEMPTS = 1_000;

const doubles = new Float64Array(1);
const doubleWords = new Int32Array(doubles.buffer);

const storeDouble = (words: Int32Array, index: number, value: number): void => {
  doubles[0] = value;
  words[index] = doubleWords[0]!;
  words[index + 1] = doubleWords[1]!;
};

const loadDouble = (words: Int32Array, index: number): number => {
  doubleWords[0] = words[index]!;
  doubleWords[1] = words[index + 1]!;
  return doubles[0]!;
};

/** FNV-1a over words: it detects a torn record, and is no defence against an adversary. */
const checksum = (slot: Int32Array): number => {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < slot.length; i += 1) {
    if (i !== Slot.CHECKSUM) hash = Math.imul(hash ^ slot[i]!, 0x01000193);
  }
  return hash;
};

const slotLength = (byteLength: number): number => Slot.PAYLOAD + Math.ceil(byteLength / 4);

const loadLength = (words: SharedWords, place: RecordPlace, base: number): number | undefined => {
  const byteLength = words.load(base + Slot.BYTE_LENGTH);
  return byteLength >= 0 && byteLength <= payloadBytes(place) ? byteLength : undefined;
};

/** Reads the live record, whole, or none. Lock-free; safe beside any writer, alive or dead. */
export const readRecord = (words: SharedWords, place: RecordPlace): ReadRecord | NoRecord => {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
    const control = words.load(place.control);
    if (control === 0) return { control };
    const base = slotIndex(place, bankOf(control), slotOf(control));
    const stamp = stampOf(control);
    if (words.load(base + Slot.STAMP) !== stamp) {
      if (words.load(place.control) === control) return { control };
      continue;
    }
    const byteLength = loadLength(words, place, base);
    if (byteLength === undefined) {
      // A wipe clears the slot from its end to its stamp, and the length last: while the stamp counts, the length is
      // intact.
      if (words.load(place.control) !== control) continue;
      return words.load(base + Slot.STAMP) === stamp ? { control, damaged: true } : { control };
    }
    const slot = new Int32Array(slotLength(byteLength));
    for (let i = 0; i < slot.length; i += 1) slot[i] = words.load(base + i);
    if (words.load(place.control) !== control) continue;
    if (slot[Slot.STAMP] !== stamp) return { control };
    if (slot[Slot.CHECKSUM] !== checksum(slot)) return { control, damaged: true };
    return {
      control,
      epoch: slot[Slot.EPOCH]!,
      generation: slot[Slot.GENERATION]!,
      issuedAtMs: loadDouble(slot, Slot.ISSUED_AT),
      expiresAtMs: loadDouble(slot, Slot.EXPIRES_AT),
      usableUntilMs: loadDouble(slot, Slot.USABLE_UNTIL),
      payload: new Uint8Array(slot.buffer, Slot.PAYLOAD * 4, byteLength),
    };
  }
  return { control: undefined };
};

/**
 * The last generation ever published. The record is read first: it may be ahead of the word (its writer was killed
 * before it raised the word), and the word is raised before a record is removed.
 */
export const lastGeneration = (words: SharedWords, place: RecordPlace): number => {
  const record = readRecord(words, place);
  const remembered = place.generation === undefined ? 0 : words.load(place.generation);
  return Math.max(remembered, record.payload ? record.generation : 0);
};

/** Makes sure that a generation outlives its record. */
const rememberGeneration = (words: SharedWords, place: RecordPlace, record: ReadRecord | NoRecord): void => {
  if (place.generation !== undefined && record.payload) raise(words, place.generation, record.generation);
};

const encodeSlot = (stamp: number, epoch: number, header: RecordHeader, payload: Uint8Array): Int32Array => {
  const slot = new Int32Array(slotLength(payload.byteLength));
  slot[Slot.STAMP] = stamp;
  slot[Slot.EPOCH] = epoch;
  slot[Slot.GENERATION] = header.generation;
  slot[Slot.BYTE_LENGTH] = payload.byteLength;
  storeDouble(slot, Slot.ISSUED_AT, header.issuedAtMs);
  storeDouble(slot, Slot.EXPIRES_AT, header.expiresAtMs);
  storeDouble(slot, Slot.USABLE_UNTIL, header.usableUntilMs);
  new Uint8Array(slot.buffer).set(payload, Slot.PAYLOAD * 4);
  slot[Slot.CHECKSUM] = checksum(slot);
  return slot;
};

/** Fills a slot that is not live. The length is written first: a wipe must cover all of a record that was cut short. */
const fillSlot = (words: SharedWords, base: number, slot: Int32Array): void => {
  words.store(base + Slot.BYTE_LENGTH, slot[Slot.BYTE_LENGTH]!);
  for (let i = slot.length - 1; i >= 0; i -= 1) words.store(base + i, slot[i]!);
};

/** Overwrites a slot that is not live with zeros. */
const wipeSlot = (words: SharedWords, place: RecordPlace, bank: number, slot: number): void => {
  const base = slotIndex(place, bank, slot);
  const byteLength = loadLength(words, place, base) ?? payloadBytes(place);
  if (byteLength === 0 && words.load(base + Slot.STAMP) === 0) return;
  const length = slotLength(byteLength);
  for (let i = length - 1; i >= 0; i -= 1) if (i !== Slot.BYTE_LENGTH) words.store(base + i, 0);
  words.store(base + Slot.BYTE_LENGTH, 0);
};

/**
 * Wipes a bank except for the slot that `control` makes live. The bank belongs to the caller, or to no living thread.
 */
const wipeBank = (words: SharedWords, place: RecordPlace, bank: 0 | 1, control: number): void => {
  for (const slot of [0, 1]) {
    const pointedAt = bankOf(control) === bank && slotOf(control) === slot;
    const live =
      control !== 0 && pointedAt && words.load(slotIndex(place, bank, slot) + Slot.STAMP) === stampOf(control);
    if (!live) wipeSlot(words, place, bank, slot);
  }
};

/** What an incarnation needs to write. The supervisor hands it over at the start, after making sure that there is one writer. */
export interface FencingLease {
  readonly epoch: number;
  /** The bank that no other living thread writes to. */
  readonly bank: 0 | 1;
  /** The control word that the writer expects: it points at that bank. */
  readonly control: number;
}

/** The sole writer of a record. */
export class RecordWriter {
  readonly #words: SharedWords;
  readonly #place: RecordPlace;
  readonly #lease: FencingLease;
  #control: number;
  #fenced = false;

  constructor(words: SharedWords, place: RecordPlace, lease: FencingLease) {
    this.#words = words;
    this.#place = place;
    this.#lease = lease;
    this.#control = stampOf(lease.control);
    // A predecessor that was killed may have left a half-written record, or one that it had no time to wipe, or a
    // generation that it had no time to note down.
    wipeBank(words, place, lease.bank, lease.control);
    rememberGeneration(words, place, readRecord(words, place));
  }

  /** Publishes a record. Throws RECORD_TOO_LARGE with nothing changed, FENCED if a successor has taken over. */
  publish(header: RecordHeader, payload: Uint8Array): void {
    const room = payloadBytes(this.#place);
    if (payload.byteLength > room) {
      throw new TokenvisorError(
        'RECORD_TOO_LARGE',
        `Expected a record of at most ${room} bytes, got ${payload.byteLength}`,
      );
    }
    if (this.#fenced) throw fenced();
    const { bank, epoch } = this.#lease;
    const slot = 1 - slotOf(this.#control);
    const control = nextControl(this.#control, bank, slot);
    fillSlot(this.#words, slotIndex(this.#place, bank, slot), encodeSlot(control, epoch, header, payload));
    this.#move(control);
    if (this.#place.generation !== undefined) raise(this.#words, this.#place.generation, header.generation);
    wipeSlot(this.#words, this.#place, bank, 1 - slot);
  }

  /** Withdraws the record: no reader sees it any more. */
  withdraw(): void {
    const { bank } = this.#lease;
    const slot = slotOf(this.#control);
    this.#move(nextControl(this.#control, bank, slot));
    wipeSlot(this.#words, this.#place, bank, slot);
  }

  #move(control: number): void {
    if (this.#fenced) throw fenced();
    if (!this.#exchange(this.#control, control) && !this.#exchange(refusedControl(this.#control), control)) {
      this.#fenced = true;
      // The bank is this thread's for as long as it lives, but nothing in it counts any more.
      wipeBank(this.#words, this.#place, this.#lease.bank, 0);
      throw fenced();
    }
    this.#control = control;
  }

  #exchange(expected: number, control: number): boolean {
    return this.#words.compareExchange(this.#place.control, expected, control) === expected;
  }
}

const fenced = (): TokenvisorError =>
  new TokenvisorError('FENCED', 'A successor writes this record now; this incarnation may no longer write it');

/** Wipes the rest that a dead writer has left in its bank, beside the live record. */
export const wipeAfter = (words: SharedWords, place: RecordPlace, bank: 0 | 1): void =>
  wipeBank(words, place, bank, words.load(place.control));

/**
 * A lease on a bank that none of the `taken` ones is on, for a new writer: the live bank, or beside a zombie the other
 * one, the record fenced. `taken` are the leases of all threads that live. Throws INTERNAL if there is no such bank.
 */
export const takeLease = (
  words: SharedWords,
  place: RecordPlace,
  epoch: number,
  taken: readonly FencingLease[],
): FencingLease => {
  const control = words.load(place.control);
  const live = bankOf(control);
  const isTaken = (bank: 0 | 1): boolean => taken.some((lease) => lease.bank === bank);
  if (!isTaken(live)) return { epoch, bank: live, control };
  const bank = live === 0 ? 1 : 0;
  if (isTaken(bank))
    throw new TokenvisorError('INTERNAL', 'Expected a free bank for the writer, but two living writers hold both');
  return { epoch, bank, control: fenceRecord(words, place, bank) };
};

/**
 * Fence and keep: shuts out the writer of the live bank for good, and moves what is live to `bank`, which belongs to no
 * living thread. Returns the control word for the successor's lease.
 */
export const fenceRecord = (words: SharedWords, place: RecordPlace, bank: 0 | 1): number => {
  for (;;) {
    const live = readRecord(words, place);
    if (live.control === undefined) continue;
    const control = nextControl(live.control, bank, 0);
    wipeSlot(words, place, bank, 0);
    if (live.payload) {
      fillSlot(words, slotIndex(place, bank, 0), encodeSlot(control, live.epoch, live, live.payload));
    } else if (live.damaged) {
      // The damage is copied as well: a successor that found no record would start from nothing.
      const slot = encodeSlot(control, 0, NO_INSTANTS, new Uint8Array());
      slot[Slot.CHECKSUM]! ^= 1;
      fillSlot(words, slotIndex(place, bank, 0), slot);
    }
    // It fails only if the old writer has published since: then the newer record is kept.
    if (words.compareExchange(place.control, live.control, control) === live.control) return control;
  }
};

/**
 * Marks the record of this generation as refused, so that every reader with a cached copy reads again at once, in every
 * thread. Any thread may call it; a newer record is left alone. The reason is in another word, which is raised first.
 */
export const refuseRecord = (words: SharedWords, place: RecordPlace, generation: number): void => {
  for (;;) {
    const live = readRecord(words, place);
    if (live.control !== undefined && (!live.payload || live.generation !== generation)) return;
    // It changed during every attempt: mark the current record, which costs its readers one more read.
    const control = live.control ?? words.load(place.control);
    if (control === 0) return;
    // It fails only if the record has changed, or another thread was first: try again.
    if (words.compareExchange(place.control, control, refusedControl(control)) === control) return;
  }
};

/**
 * Withdraws the record from outside, when no writer may write again: at a stop. With `wipe`, for when no thread that
 * could write is alive, it is erased from memory.
 */
export const withdrawRecord = (words: SharedWords, place: RecordPlace, { wipe }: { wipe: boolean }): void => {
  for (;;) {
    const live = readRecord(words, place);
    if (live.control === undefined) continue;
    rememberGeneration(words, place, live);
    const next = nextControl(live.control, bankOf(live.control), slotOf(live.control));
    if (words.compareExchange(place.control, live.control, next) === live.control) break;
  }
  if (!wipe) return;
  for (const bank of [0, 1]) for (const slot of [0, 1]) wipeSlot(words, place, bank, slot);
};
