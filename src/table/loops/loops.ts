/**
 * The loops over a table's words. This file is both TypeScript and AssemblyScript: functions of 32-bit integers only.
 * `node test/run/loops.mjs` compiles it to WebAssembly; the tests run it as it is, over words that they can stop and
 * interleave.
 */
/* eslint func-style: off -- an arrow function is no plain function for the other compiler */
import { BUCKETS, DEPTH, DIRECTORY, SEGMENTS, load, peek, store } from './words.js';

// All addresses are in bytes. They may exceed 2^31, that is be negative: they are not compared.
const BUCKET_BYTES: i32 = 64;
const SLOT_BYTES: i32 = 20;
const SEGMENT_MASK: i32 = 16383;

/** Bits of a control word: how many slots are used; which of them are removed; whether a later bucket may have more. */
const USED: i32 = 3;
const FIRST_REMOVED: i32 = 4;
const OVERFLOWED: i32 = 128;
/** Above them, in the first bucket of a segment: the number of its use. */
const USE_SHIFT: i32 = 8;
const LAST_USE: i32 = 262143;

/** Turns signed comparisons into unsigned ones. */
const FLIP: i32 = -2147483648;

/** A reader's tries before it checks whether the memory is corrupt. */
const MOST_TRIES: i32 = 1000;

/** An address beyond any memory: loading from it ends the loop with an error. */
const NOWHERE: i32 = -4;

/** The meta of the entry that `find` found last. */
let lastMeta: i32 = 0;

function baseOf(segment: i32): i32 {
  return SEGMENTS + segment * BUCKETS * BUCKET_BYTES;
}

/** The slot of an entry; 0 if there is none except the one at `except`. */
function probe(base: i32, d0: i32, d1: i32, d2: i32, except: i32): i32 {
  const end: i32 = BUCKETS * BUCKET_BYTES - 1;
  let offset: i32 = (d1 & (BUCKETS - 1)) * BUCKET_BYTES;
  for (let n: i32 = 0; n < BUCKETS; n++) {
    const control: i32 = load(base + offset);
    const used: i32 = control & USED;
    let slot: i32 = base + offset + 4;
    for (let i: i32 = 0; i < used; i++) {
      if (load(slot) === d0 && load(slot + 4) === d1 && load(slot + 8) === d2) {
        if ((control & (FIRST_REMOVED << i)) === 0 && slot !== except) return slot;
      }
      slot += SLOT_BYTES;
    }
    if ((control & OVERFLOWED) === 0) return 0;
    offset = (offset + BUCKET_BYTES) & end;
  }
  return 0;
}

/**
 * The expiry of an entry, 0 if there is none: for readers. The result is valid if the directory's entry is the same
 * afterwards: if not, the segment may have been reused meanwhile.
 */
export function find(d0: i32, d1: i32, d2: i32): i32 {
  let expiry: i32 = 0;
  let place: i32;
  let entry: i32;
  let tries: i32 = 0;
  do {
    // Each further try is due to a change by the writer. The writer does not make this many: the memory is corrupt.
    if (tries++ === MOST_TRIES) return load(NOWHERE);
    const depth: i32 = load(DEPTH);
    place = DIRECTORY + (4 << depth) + (depth === 0 ? 0 : (d0 >>> (32 - depth)) << 2);
    entry = load(place);
    // 0: a deeper directory has just become the current one.
    if (entry !== 0) {
      const slot: i32 = probe(baseOf(entry & SEGMENT_MASK), d0, d1, d2, 0);
      expiry = slot === 0 ? 0 : load(slot + 12);
      if (slot !== 0) lastMeta = load(slot + 16);
    }
  } while (entry === 0 || load(place) !== entry);
  return expiry;
}

/** The meta of the entry that `find` found last. */
export function meta(): i32 {
  return lastMeta;
}

/** The slot of an entry in its segment, 0 if there is none: for the writer. */
export function seek(segment: i32, d0: i32, d1: i32, d2: i32): i32 {
  return probe(baseOf(segment), d0, d1, d2, 0);
}

/** The expiry at a slot: for the writer. */
export function expiryAt(slot: i32): i32 {
  return peek(slot + 12);
}

/** Raises the expiry of a slot, if it is earlier. */
function raise(slot: i32, expiry: i32): void {
  if ((expiry ^ FLIP) > (peek(slot + 12) ^ FLIP)) store(slot + 12, expiry);
}

/** Writes an entry into the first unused slot of its buckets. Storing the control word, last, makes it visible. */
export function append(segment: i32, d0: i32, d1: i32, d2: i32, expiry: i32, meta: i32): void {
  const base: i32 = baseOf(segment);
  const end: i32 = BUCKETS * BUCKET_BYTES - 1;
  let offset: i32 = (d1 & (BUCKETS - 1)) * BUCKET_BYTES;
  let control: i32 = peek(base + offset);
  while ((control & USED) === USED) {
    if ((control & OVERFLOWED) === 0) store(base + offset, control | OVERFLOWED);
    offset = (offset + BUCKET_BYTES) & end;
    control = peek(base + offset);
  }
  const slot: i32 = base + offset + 4 + SLOT_BYTES * (control & USED);
  store(slot, d0);
  store(slot + 4, d1);
  store(slot + 8, d2);
  store(slot + 12, expiry);
  store(slot + 16, meta);
  store(base + offset, control + 1);
}

/** 1: a new entry; 0: it existed, and has the later expiry now; 2: it exists with another meta, and was left alone. */
export function set(segment: i32, d0: i32, d1: i32, d2: i32, expiry: i32, meta: i32, keepMeta: i32): i32 {
  const slot: i32 = probe(baseOf(segment), d0, d1, d2, 0);
  if (slot === 0) {
    append(segment, d0, d1, d2, expiry, meta);
    return 1;
  }
  if (keepMeta === 0 && peek(slot + 16) !== meta) return 2;
  raise(slot, expiry);
  return 0;
}

/** Removes the entry at a slot. */
export function drop(slot: i32): void {
  const within: i32 = slot & (BUCKET_BYTES - 1);
  const at: i32 = slot - within;
  const index: i32 = within < SLOT_BYTES ? 0 : within < 2 * SLOT_BYTES ? 1 : 2;
  store(at, peek(at) | (FIRST_REMOVED << index));
}

/** Removes the entry at a slot if there is another of the same digest: completes an interrupted change of its meta. */
export function finish(segment: i32, slot: i32): void {
  if (probe(baseOf(segment), peek(slot), peek(slot + 4), peek(slot + 8), slot) !== 0) drop(slot);
}

/**
 * Copies the entries that expire after `nowS`, by a bit of their digest; returns how many went to `first`, and to
 * `second` << 16.
 */
export function copy(from: i32, first: i32, second: i32, bit: i32, nowS: i32): i32 {
  let at: i32 = baseOf(from);
  let copied: i32 = 0;
  for (let n: i32 = 0; n < BUCKETS; n++) {
    const control: i32 = peek(at);
    for (let i: i32 = 0; i < (control & USED); i++) {
      const slot: i32 = at + 4 + i * SLOT_BYTES;
      const expiry: i32 = peek(slot + 12);
      if ((control & (FIRST_REMOVED << i)) === 0 && (expiry ^ FLIP) > (nowS ^ FLIP)) {
        const d0: i32 = peek(slot);
        const isSecond: i32 = (d0 >>> bit) & 1;
        append(isSecond === 1 ? second : first, d0, peek(slot + 4), peek(slot + 8), expiry, peek(slot + 16));
        copied += isSecond === 1 ? 65536 : 1;
      }
    }
    at += BUCKET_BYTES;
  }
  return copied;
}

/** How many slots are used, and << 16 how many of them have entries that expire after `nowS`. */
export function count(segment: i32, nowS: i32): i32 {
  let at: i32 = baseOf(segment);
  let counted: i32 = 0;
  for (let n: i32 = 0; n < BUCKETS; n++) {
    const control: i32 = peek(at);
    const used: i32 = control & USED;
    counted += used;
    for (let i: i32 = 0; i < used; i++) {
      if ((control & (FIRST_REMOVED << i)) === 0) {
        if (nowS === 0 || (peek(at + 16 + i * SLOT_BYTES) ^ FLIP) > (nowS ^ FLIP)) counted += 65536;
      }
    }
    at += BUCKET_BYTES;
  }
  return counted;
}

/** Empties a segment that readers can't find yet, and returns the number of its use: never 0. */
export function wipe(segment: i32): i32 {
  const base: i32 = baseOf(segment);
  const before: i32 = peek(base) >>> USE_SHIFT;
  const next: i32 = (before + 1) & LAST_USE;
  const use: i32 = next === 0 ? 1 : next;
  store(base, use << USE_SHIFT);
  // Memory that was never used is empty.
  if (before !== 0) {
    for (let n: i32 = 1; n < BUCKETS; n++) store(base + n * BUCKET_BYTES, 0);
  }
  return use;
}

/** Stores one value into consecutive words of the directory. */
export function fill(first: i32, words: i32, value: i32): void {
  for (let n: i32 = 0; n < words; n++) store((first + n) << 2, value);
}

/** Fills the next deeper directory. */
export function deepen(depth: i32): void {
  const from: i32 = DIRECTORY + (4 << depth);
  const to: i32 = from + (4 << depth);
  for (let n: i32 = 0; n < 1 << depth; n++) {
    const entry: i32 = peek(from + 4 * n);
    store(to + 8 * n, entry);
    store(to + 8 * n + 4, entry);
  }
}
