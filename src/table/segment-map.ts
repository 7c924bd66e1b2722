/** Maps digests to segments, and keeps the free segments: the writer's side of the directory. */
import { DIRECTORY, entryOf, Intent, segmentOf, TableWord, type TableGeometry } from './layout.js';
import type { TableLoops } from './table-loops.js';
import type { TableGround, TableWords } from './ground.js';

/** The digests of a segment: those whose first `depth` bits are `prefix`. */
interface Range {
  readonly depth: number;
  readonly prefix: number;
}

export class SegmentMap {
  readonly #ground: TableGround;
  readonly #words: TableWords;
  readonly #loops: TableLoops;
  readonly #geometry: TableGeometry;
  /** By segment number, for segments in use. */
  readonly #ranges: (Range | undefined)[] = [];
  /** First in, first out: the longer a segment is unused, the fewer readers can still be in it. */
  readonly #free: number[] = [];

  /** Completes an interrupted change of the previous writer, and adopts the rest. */
  constructor(ground: TableGround) {
    this.#ground = ground;
    this.#words = ground.words;
    this.#loops = ground.loops;
    this.#geometry = ground.geometry;
    this.#silence();
    this.#carryOut();
    this.#adopt();
  }

  get #depth(): number {
    return this.#words.peek(TableWord.DEPTH);
  }

  get #made(): number {
    return this.#words.peek(TableWord.SEGMENTS);
  }

  /** The segment for digests that begin with this word. */
  segmentFor(d0: number): number {
    const depth = this.#words.peek(TableWord.DEPTH);
    return segmentOf(this.#words.peek(DIRECTORY + (1 << depth) + (depth === 0 ? 0 : d0 >>> (32 - depth))));
  }

  /** All segments in use, in no order. */
  reached(): readonly number[] {
    return [...this.#ranges.keys()].filter((segment) => this.#ranges[segment] !== undefined);
  }

  /** The bit, counted from the lowest, that separates the two halves of a segment's digests. */
  splitBit(segment: number): number {
    return 31 - this.#ranges[segment]!.depth;
  }

  /** The first digest word after all of a segment's, unsigned; 2^32 for the last. */
  endOf(segment: number): number {
    const { depth, prefix } = this.#ranges[segment]!;
    return (prefix + 1) * 2 ** (32 - depth);
  }

  /** True if a segment can be split: two are available, and one remains free afterwards. */
  canSplit(segment: number): boolean {
    return this.#canAllocate(2) && this.#ranges[segment]!.depth < this.#geometry.maxDepth;
  }

  /** True if a segment can be renewed. */
  canRenew(): boolean {
    return this.#canAllocate(1);
  }

  /** Allocates an empty segment that readers can't find yet, and returns its directory entry. */
  allocate(): number {
    const segment = this.#free.shift() ?? this.#made;
    if (segment === this.#made) this.#words.store(TableWord.SEGMENTS, segment + 1);
    return entryOf(segment, this.#loops.wipe(segment));
  }

  /** Replaces a segment by two allocated ones, each for half of its digests. */
  split(segment: number, first: number, second: number): void {
    const { depth, prefix } = this.#ranges[segment]!;
    if (depth === this.#depth) this.#deepen();
    this.#replace(this.#ranges[segment]!, first, second);
    this.#ranges[segmentOf(first)] = { depth: depth + 1, prefix: prefix * 2 };
    this.#ranges[segmentOf(second)] = { depth: depth + 1, prefix: prefix * 2 + 1 };
    this.#release(segment);
  }

  /** Replaces a segment by an allocated one. */
  exchange(segment: number, successor: number): void {
    const range = this.#ranges[segment]!;
    this.#replace(range, successor, successor);
    this.#ranges[segmentOf(successor)] = range;
    this.#release(segment);
  }

  /** Replaces all segments by an allocated one. */
  exchangeAll(successor: number): void {
    const all = { depth: 0, prefix: 0 };
    const before = this.reached();
    this.#replace(all, successor, successor);
    for (const segment of before) this.#release(segment);
    this.#ranges[segmentOf(successor)] = all;
  }

  /** True if `count` more segments are free or can be added. */
  #canAllocate(count: number): boolean {
    const more = count - this.#free.length;
    if (more <= 0) return true;
    const segments = this.#made + more;
    if (segments > this.#words.peek(TableWord.MAX_SEGMENTS)) return false;
    try {
      this.#ground.grow(segments);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #release(segment: number): void {
    this.#ranges[segment] = undefined;
    this.#free.push(segment);
  }

  /** Fills the next deeper directory before it becomes the current one. */
  #deepen(): void {
    this.#loops.deepen(this.#depth);
    this.#words.store(TableWord.DEPTH, this.#depth + 1);
    this.#silence();
  }

  /** Clears shallower directories, which are no longer updated, so that readers in them look again. */
  #silence(): void {
    const end = DIRECTORY + (1 << this.#depth);
    // If the last entry of one was cleared, so were all but the deepest of them.
    let place = end;
    while (place > DIRECTORY + 1 && this.#words.peek(place - 1) !== 0) place -= 1;
    this.#loops.fill(place, end - place, 0);
  }

  /** Several entries change, and a writer may be ended between two: the change is noted first. */
  #replace({ depth, prefix }: Range, first: number, second: number): void {
    const span = 1 << (this.#depth - depth);
    this.#words.store(TableWord.INTENT + Intent.START, prefix * span);
    this.#words.store(TableWord.INTENT + Intent.FIRST, first);
    this.#words.store(TableWord.INTENT + Intent.SECOND, second);
    this.#words.store(TableWord.INTENT + Intent.SPAN, span);
    this.#carryOut();
  }

  /** Carries out the noted change, again if it was begun. */
  #carryOut(): void {
    const span = this.#words.peek(TableWord.INTENT + Intent.SPAN);
    if (span === 0) return;
    const from = DIRECTORY + (1 << this.#depth) + this.#words.peek(TableWord.INTENT + Intent.START);
    const first = this.#words.peek(TableWord.INTENT + Intent.FIRST);
    const second = this.#words.peek(TableWord.INTENT + Intent.SECOND);
    const half = span >>> 1;
    this.#loops.fill(from, span - half, first);
    this.#loops.fill(from + span - half, half, second);
    this.#words.store(TableWord.INTENT + Intent.SPAN, 0);
  }

  /** Segments in the directory are in use; all others are free. */
  #adopt(): void {
    const depth = this.#depth;
    const from = DIRECTORY + (1 << depth);
    for (let index = 0; index < 1 << depth;) {
      const segment = segmentOf(this.#words.peek(from + index));
      let span = 1;
      while (index + span < 1 << depth && segmentOf(this.#words.peek(from + index + span)) === segment) span += 1;
      this.#ranges[segment] = { depth: depth - Math.log2(span), prefix: index / span };
      index += span;
    }
    for (let segment = 0; segment < this.#made; segment++) {
      if (this.#ranges[segment] === undefined) this.#free.push(segment);
    }
  }
}
