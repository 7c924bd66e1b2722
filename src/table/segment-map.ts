/** Which segment which digests are in, and which segments are free: the directory as its one writer changes it. */
import { DIRECTORY, entryOf, Intent, segmentOf, TableWord, type TableGeometry } from './layout.js';
import type { TableLoops } from './table-loops.js';
import type { TableGround, TableWords } from './ground.js';

/** The digests whose first `depth` bits are `prefix`: those of a segment. */
interface Range {
  readonly depth: number;
  readonly prefix: number;
}

export class SegmentMap {
  readonly #ground: TableGround;
  readonly #words: TableWords;
  readonly #loops: TableLoops;
  readonly #geometry: TableGeometry;
  /** Of each segment that has digests, by its number. */
  readonly #ranges: (Range | undefined)[] = [];
  /** First in, first out: the longer a segment rests, the fewer readers can be in it still. */
  readonly #free: number[] = [];

  /** Finishes what a writer before it was about, and adopts the rest. */
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

  /** The segment that has the digests which begin like this. */
  segmentFor(d0: number): number {
    const depth = this.#words.peek(TableWord.DEPTH);
    return segmentOf(this.#words.peek(DIRECTORY + (1 << depth) + (depth === 0 ? 0 : d0 >>> (32 - depth))));
  }

  /** All segments that have digests, in no order. */
  reached(): readonly number[] {
    return [...this.#ranges.keys()].filter((segment) => this.#ranges[segment] !== undefined);
  }

  /** The bit, from the lowest, that tells the two halves of a segment's digests apart. */
  splitBit(segment: number): number {
    return 31 - this.#ranges[segment]!.depth;
  }

  /** The first digest word that is past all of a segment's, unsigned; 2^32 for the last. */
  endOf(segment: number): number {
    const { depth, prefix } = this.#ranges[segment]!;
    return (prefix + 1) * 2 ** (32 - depth);
  }

  /** True if a segment can be split: two are to be had, and one is left when it has been given up. */
  canSplit(segment: number): boolean {
    return this.#canAllocate(2) && this.#ranges[segment]!.depth < this.#geometry.maxDepth;
  }

  /** True if a segment can be renewed. */
  canRenew(): boolean {
    return this.#canAllocate(1);
  }

  /** The directory's entry of an empty segment that no reader finds yet. */
  allocate(): number {
    const segment = this.#free.shift() ?? this.#made;
    if (segment === this.#made) this.#words.store(TableWord.SEGMENTS, segment + 1);
    return entryOf(segment, this.#loops.wipe(segment));
  }

  /** Two that were allocated take the place of a segment, each for a half of its digests. */
  split(segment: number, first: number, second: number): void {
    const { depth, prefix } = this.#ranges[segment]!;
    if (depth === this.#depth) this.#deepen();
    this.#replace(this.#ranges[segment]!, first, second);
    this.#ranges[segmentOf(first)] = { depth: depth + 1, prefix: prefix * 2 };
    this.#ranges[segmentOf(second)] = { depth: depth + 1, prefix: prefix * 2 + 1 };
    this.#release(segment);
  }

  /** One that was allocated takes the place of a segment. */
  exchange(segment: number, successor: number): void {
    const range = this.#ranges[segment]!;
    this.#replace(range, successor, successor);
    this.#ranges[segmentOf(successor)] = range;
    this.#release(segment);
  }

  /** One that was allocated takes the place of all. */
  exchangeAll(successor: number): void {
    const all = { depth: 0, prefix: 0 };
    const before = this.reached();
    this.#replace(all, successor, successor);
    for (const segment of before) this.#release(segment);
    this.#ranges[segmentOf(successor)] = all;
  }

  /** There is memory for as many as `count` more, or there are so many free. */
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

  /** The directory of one more bit is filled before it counts. */
  #deepen(): void {
    this.#loops.deepen(this.#depth);
    this.#words.store(TableWord.DEPTH, this.#depth + 1);
    this.#silence();
  }

  /** Shallower directories than the one that counts are not kept up: whoever is in one is to look again. */
  #silence(): void {
    const end = DIRECTORY + (1 << this.#depth);
    // All but the deepest of them were silenced before, if their last entry was.
    let place = end;
    while (place > DIRECTORY + 1 && this.#words.peek(place - 1) !== 0) place -= 1;
    this.#loops.fill(place, end - place, 0);
  }

  /** Several entries change, and a writer may be ended between two: what is to be done is written down first. */
  #replace({ depth, prefix }: Range, first: number, second: number): void {
    const span = 1 << (this.#depth - depth);
    this.#words.store(TableWord.INTENT + Intent.START, prefix * span);
    this.#words.store(TableWord.INTENT + Intent.FIRST, first);
    this.#words.store(TableWord.INTENT + Intent.SECOND, second);
    this.#words.store(TableWord.INTENT + Intent.SPAN, span);
    this.#carryOut();
  }

  /** Does what is written down: again, if it was begun. */
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

  /** What the directory reaches is in use; all else is free. */
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
