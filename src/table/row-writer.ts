/**
 * Puts, removes and expunges entries by their digests. A table has one writer; if it is ended after any store, readers
 * still find all entries, and the next writer continues from there.
 */
import {
  BYTES_PER_WORD,
  bytesFor,
  ROW_WORDS,
  segmentOf,
  segmentWords,
  TableWord,
  type TableGeometry,
} from './layout.js';
import { SegmentMap } from './segment-map.js';
import { TableFullError } from './table-full-error.js';
import type { TableLoops } from './table-loops.js';
import type { TableGround, TableWords } from './ground.js';

/** Results of the loop `set`. */
const NEW = 1;
const OTHER_META = 2;

export class RowWriter {
  readonly #geometry: TableGeometry;
  readonly #words: TableWords;
  readonly #loops: TableLoops;
  readonly #map: SegmentMap;
  /** By segment: the slots that were ever used, and the entries in them. */
  readonly #used: number[] = [];
  readonly #live: number[] = [];
  #size = 0;

  /** Adopts the existing entries. Some 20 us for each segment. */
  constructor(ground: TableGround) {
    this.#geometry = ground.geometry;
    this.#words = ground.words;
    this.#loops = ground.loops;
    ground.catchUp();
    this.#finishChange();
    this.#map = new SegmentMap(ground);
    for (const segment of this.#map.reached()) {
      const counted = this.#loops.count(segment, 0);
      this.#used[segment] = counted & 0xffff;
      this.#live[segment] = counted >>> 16;
      this.#size += counted >>> 16;
    }
    this.#tellSize();
  }

  get size(): number {
    return this.#size;
  }

  get maxEntries(): number {
    return this.#words.peek(TableWord.MAX_ENTRIES);
  }

  /** The size of the header, the directories and all segments that were ever made. */
  get bytes(): number {
    return bytesFor(this.#geometry, this.#words.peek(TableWord.SEGMENTS));
  }

  reserve(count: number): void {
    const room = this.maxEntries - this.#size;
    if (count <= room) return;
    throw new TableFullError(`Expected room for ${count} more entries, got room for ${room} of ${this.maxEntries}`);
  }

  put(rows: Int32Array, keepMeta: boolean): number {
    const before = this.#size;
    const keep = keepMeta ? 1 : 0;
    const maxEntries = this.maxEntries;
    for (let at = 0; at + ROW_WORDS <= rows.length; at += ROW_WORDS) {
      const d0 = rows[at]!;
      const d1 = rows[at + 1]!;
      const d2 = rows[at + 2]!;
      const meta = rows[at + 4]!;
      // 0 stands for no entry.
      const expiry = rows[at + 3]! || 1;
      let segment = this.#map.segmentFor(d0);
      if (this.#used[segment]! >= this.#geometry.limit) segment = this.#makeRoom(segment, d0);
      const isFull = this.#size >= maxEntries || this.#used[segment]! >= this.#geometry.hardLimit;
      if (isFull && this.#loops.seek(segment, d0, d1, d2) === 0) this.#refuse(rows, at);
      const outcome = this.#loops.set(segment, d0, d1, d2, expiry, meta, keep);
      if (outcome === NEW) {
        this.#used[segment]! += 1;
        this.#live[segment]! += 1;
        this.#size += 1;
      } else if (outcome === OTHER_META) {
        if (this.#used[segment]! >= this.#geometry.hardLimit) this.#refuse(rows, at);
        this.#change(segment, d0, d1, d2, expiry, meta);
      }
    }
    this.#tellSize();
    return this.#size - before;
  }

  remove(rows: Int32Array): number {
    const before = this.#size;
    for (let at = 0; at + ROW_WORDS <= rows.length; at += ROW_WORDS) {
      const segment = this.#map.segmentFor(rows[at]!);
      const slot = this.#loops.seek(segment, rows[at]!, rows[at + 1]!, rows[at + 2]!);
      if (slot === 0) continue;
      this.#loops.drop(slot);
      this.#live[segment]! -= 1;
      this.#size -= 1;
    }
    this.#tellSize();
    return before - this.#size;
  }

  clear(): number {
    const before = this.#size;
    if (!this.#map.canRenew())
      throw new TableFullError('Expected a free segment of memory to clear the table with, got none');
    const successor = this.#map.allocate();
    this.#map.exchangeAll(successor);
    this.#begin(segmentOf(successor), 0);
    this.#size = 0;
    this.#tellSize();
    return before;
  }

  /** Removes expired entries, one segment a step. Entries may be added and removed between two steps. */
  *expunge(nowS: number): Generator<number, number, undefined> {
    let total = 0;
    for (let d0 = 0; d0 < 2 ** 32;) {
      const segment = this.#map.segmentFor(d0 | 0);
      d0 = this.#map.endOf(segment);
      const removed = this.#expungeSegment(segment, nowS);
      total += removed;
      yield removed;
    }
    return total;
  }

  #expungeSegment(segment: number, nowS: number): number {
    const live = this.#loops.count(segment, nowS | 0) >>> 16;
    const removed = this.#live[segment]! - live;
    const unused = this.#used[segment]! - live;
    if (removed === 0 && unused * 8 < this.#geometry.limit) return 0;
    if (!this.#map.canRenew()) return 0;
    this.#renew(segment, nowS);
    this.#size -= removed;
    this.#tellSize();
    return removed;
  }

  /**
   * Replaces an entry by one with another meta. The new one is stored first, so that a reader always finds one of them.
   */
  #change(segment: number, d0: number, d1: number, d2: number, expiry: number, meta: number): void {
    const slot = this.#loops.seek(segment, d0, d1, d2);
    const before = this.#loops.expiryAt(slot);
    // Noted, because two entries of one digest must not stay: a successor would raise one of them, and remove the
    // other.
    this.#words.store(TableWord.CHANGED, slot);
    const later = before >>> 0 > expiry >>> 0 ? before : expiry;
    this.#loops.append(segment, d0, d1, d2, later, meta);
    this.#loops.drop(slot);
    this.#words.store(TableWord.CHANGED, 0);
    this.#used[segment]! += 1;
  }

  #finishChange(): void {
    const slot = this.#words.peek(TableWord.CHANGED);
    if (slot === 0) return;
    const word = (slot >>> 0) / BYTES_PER_WORD - this.#geometry.segments;
    const segment = Math.floor(word / segmentWords(this.#geometry));
    this.#loops.finish(segment, slot);
    this.#words.store(TableWord.CHANGED, 0);
  }

  /** Brings the segment of a digest below its limit, if possible; returns the segment that has the digest then. */
  #makeRoom(full: number, d0: number): number {
    const { limit } = this.#geometry;
    let segment = full;
    while (this.#used[segment]! >= limit) {
      const live = this.#live[segment]!;
      const isWorthIt = (this.#used[segment]! - live) * 16 >= limit && this.#map.canRenew();
      // If a quarter is removed or expired, a split would leave nearly empty segments.
      if (isWorthIt && live * 4 <= limit * 3) this.#renew(segment, 0);
      else if (this.#map.canSplit(segment)) this.#split(segment);
      else if (isWorthIt) this.#renew(segment, 0);
      else return segment;
      segment = this.#map.segmentFor(d0);
    }
    return segment;
  }

  /** Replaces a segment by two. */
  #split(segment: number): void {
    const first = this.#map.allocate();
    const second = this.#map.allocate();
    const bit = this.#map.splitBit(segment);
    const copied = this.#loops.copy(segment, segmentOf(first), segmentOf(second), bit, 0);
    this.#map.split(segment, first, second);
    this.#begin(segmentOf(first), copied & 0xffff);
    this.#begin(segmentOf(second), copied >>> 16);
  }

  /** Replaces a segment by a copy without removed and expired entries. */
  #renew(segment: number, nowS: number): void {
    const successor = this.#map.allocate();
    const copied = this.#loops.copy(segment, segmentOf(successor), segmentOf(successor), 0, nowS | 0);
    this.#map.exchange(segment, successor);
    this.#begin(segmentOf(successor), (copied & 0xffff) + (copied >>> 16));
  }

  #begin(segment: number, entries: number): void {
    this.#used[segment] = entries;
    this.#live[segment] = entries;
  }

  #tellSize(): void {
    this.#words.store(TableWord.SIZE, this.#size);
  }

  #refuse(rows: Int32Array, at: number): never {
    this.#tellSize();
    const isFull = this.#size >= this.maxEntries;
    throw new TableFullError(
      `Expected room for all of ${Math.floor(rows.length / ROW_WORDS)} rows, got it for the first ${at / ROW_WORDS}, ` +
        `which were put: the table has ${this.#size} entries of ${this.maxEntries}` +
        (isFull ? '' : ', and there is no memory for more'),
      at / ROW_WORDS,
    );
  }
}
