/**
 * Every shared-memory offset, in one file. All indices are in 32-bit words.
 *
 * A child has two buffers that the main thread allocates and that outlive each incarnation: `shared`, which any thread
 * may get, and `sealed`, which only the supervisor thread and the actor get.
 *
 *     shared:  header | snapshot 2 x 2 slots | status 2 x 2 slots | supervision 2 x 2 slots
 *     sealed:  header | sealed   2 x 2 slots
 *
 * Untouched pages cost no memory, so the slots have their full size from the start.
 */

const WORD_BYTES = 4;
const words = (bytes: number): number => bytes / WORD_BYTES;

/** 'TKVS': the first word of each buffer. */
export const MAGIC = 0x544b5653;
/** Raised with every change of this file; {@link checkLayout} refuses any other version. */
export const LAYOUT_VERSION = 3;

/** The words of the header, the same in both buffers. */
export const Header = {
  MAGIC: 0,
  LAYOUT_VERSION: 1,
  /** Bumped and notified at every publish, failure, status change and fence: readers wait on it. */
  CHANGE: 2,
  /** Bumped and notified at each request to the actor: the actor waits on it. */
  REQUEST: 3,
  /** The highest generation that a reader has asked for; only ever raised. */
  WANTED: 4,
  /** The highest generation that a reader reported as refused; only ever raised. */
  INVALIDATED: 5,
  /** The last generation ever published; only ever raised, over all incarnations. */
  GENERATION: 6,
  /** The tick of the actor in bank 0, and in bank 1. */
  HEARTBEAT: 7,
  /** The control word of each record. */
  SNAPSHOT_CONTROL: 9,
  STATUS_CONTROL: 10,
  SUPERVISION_CONTROL: 11,
  SEALED_CONTROL: 12,
  /** Not 0 while the child is stopped: for readers that can't afford to decode the supervision record at each read. */
  STOPPED: 13,
  /** The operating system's thread id of the actor in bank 0, and in bank 1; 0 if it is unknown. */
  THREAD_ID: 14,
  /** The first of {@link OWN_WORDS}: in a separate cache line, so that counting in them does not slow down readers. */
  OWN: 16,
  /**
   * The least and the greatest offset of the wall clock to the monotonic one since the instants in this memory were
   * last known to be right, in units of 100 ms; 0: not measured yet. Written by the supervisor thread.
   */
  CLOCK_LEAST: 32,
  CLOCK_GREATEST: 33,
} as const;

/** How many words of the header are reserved for the child. */
export const OWN_WORDS = 16;

const HEADER_BYTES = 4_096;

/** The location of a record. */
export interface RecordPlace {
  /** The index of its control word. */
  readonly control: number;
  /** The index of its first slot; bank 0 slot 0, bank 0 slot 1, bank 1 slot 0, bank 1 slot 1. */
  readonly slots: number;
  readonly slotWords: number;
  /** The index of the word that keeps the last generation after the record is gone, if the record uses generations. */
  readonly generation?: number;
}

const SLOT_BYTES = { snapshot: 65_536, status: 8_192, supervision: 32_768, sealed: 65_536 } as const;
const SLOTS = 4;

/** The token: written by the actor, read by any thread. */
export const SNAPSHOT: RecordPlace = {
  control: Header.SNAPSHOT_CONTROL,
  slots: words(HEADER_BYTES),
  slotWords: words(SLOT_BYTES.snapshot),
  generation: Header.GENERATION,
};
/** The actor's status: written by the actor, read by any thread. */
export const STATUS: RecordPlace = {
  control: Header.STATUS_CONTROL,
  slots: SNAPSHOT.slots + SLOTS * SNAPSHOT.slotWords,
  slotWords: words(SLOT_BYTES.status),
};
/** The supervisor's state of the child: written by the supervisor thread alone. */
export const SUPERVISION: RecordPlace = {
  control: Header.SUPERVISION_CONTROL,
  slots: STATUS.slots + SLOTS * STATUS.slotWords,
  slotWords: words(SLOT_BYTES.supervision),
};
export const SHARED_BYTES = (SUPERVISION.slots + SLOTS * SUPERVISION.slotWords) * WORD_BYTES;

/** Secrets that must survive a crash and that no reader may see: in the sealed buffer. */
export const SEALED: RecordPlace = {
  control: Header.SEALED_CONTROL,
  slots: words(HEADER_BYTES),
  slotWords: words(SLOT_BYTES.sealed),
};
export const SEALED_BYTES = (SEALED.slots + SLOTS * SEALED.slotWords) * WORD_BYTES;

/** The highest generation: it is compared as a signed word. One a second reaches it after 68 years. */
export const LAST_GENERATION = 2 ** 31 - 1;

/** The words of a slot. Instants are doubles, in two words each. */
export const Slot = {
  /** The control word under which the slot was published: the slot is valid under no other. */
  STAMP: 0,
  EPOCH: 1,
  GENERATION: 2,
  BYTE_LENGTH: 3,
  ISSUED_AT: 4,
  EXPIRES_AT: 6,
  USABLE_UNTIL: 8,
  /** A checksum of every other word of the header and the payload. */
  CHECKSUM: 10,
  PAYLOAD: 11,
} as const;

/** How many bytes of payload a record can hold. */
export const payloadBytes = (place: RecordPlace): number => (place.slotWords - Slot.PAYLOAD) * WORD_BYTES;

/** True if a record has room for the payload, as JSON. */
export const hasRoomFor = (place: RecordPlace, payload: object): boolean =>
  Buffer.byteLength(JSON.stringify(payload)) <= payloadBytes(place);

/*
 * A control word: which slot of which bank is live, and a count of changes.
 *
 *     31                                   3       2       1      0
 *     | change, 29 bits, never 0 once written | refused | bank | slot |
 *
 * 0 is a record that was never written. Every publish, withdrawal and fence is a change, so a control word repeats
 * after 2^29 of them: 17 years at one a second. `refused` is set by a reader that has seen the token refused: the
 * writer ignores it, and every other reader looks again.
 */
const CHANGES = 2 ** 29;
const CHANGE_SHIFT = 3;
const REFUSED = 0b100;

export const bankOf = (control: number): 0 | 1 => ((control >>> 1) & 1) as 0 | 1;
export const slotOf = (control: number): 0 | 1 => (control & 1) as 0 | 1;

/** The control word after `control` that makes `slot` of `bank` the live one. */
export const nextControl = (control: number, bank: number, slot: number): number => {
  const change = ((control >>> CHANGE_SHIFT) + 1) % CHANGES || 1;
  return (change << CHANGE_SHIFT) | (bank << 1) | slot;
};

/** The control word with its record refused, and without: the stamp of the record. */
export const refusedControl = (control: number): number => control | REFUSED;
export const stampOf = (control: number): number => control & ~REFUSED;

export const slotIndex = (place: RecordPlace, bank: number, slot: number): number =>
  place.slots + (bank * 2 + slot) * place.slotWords;
