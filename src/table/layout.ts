/**
 * Where everything of a shared table lies: every offset, in one file. See docs/explanation/shared-table.md.
 *
 * A header, a directory for each depth, then the segments. All in words of 32 bits.
 */

/** Readers and the writer check it. Raise it with every change of what is below, and of the loops. */
export const TABLE_LAYOUT_VERSION = 1;
/** Tells a table from any other shared memory. */
export const TABLE_MAGIC = 0x7461_626c;

/** Words of the header. What readers load is in the first cache line, what the writer stores in others. */
export const TableWord = {
  MAGIC: 0,
  LAYOUT_VERSION: 1,
  /** The most entries that it takes. */
  MAX_ENTRIES: 2,
  /** How many segments it may have. */
  MAX_SEGMENTS: 3,
  /** How many bits of a digest the directory that counts is indexed by. Only ever raised. */
  DEPTH: 4,
  /** How many entries there are, expired ones included. */
  SIZE: 16,
  /** How many segments have ever been made. */
  SEGMENTS: 17,
  /** The slot whose entry is being replaced by one with another meta; 0: none is. */
  CHANGED: 18,
  /** A change of the directory that is under way: see {@link Intent}. */
  INTENT: 20,
  /** The key of the digests: 12 words. Past what `util.inspect` shows of a buffer. */
  KEY: 32,
} as const;

/** Words from `TableWord.INTENT` on: `span` entries from `start` on become `first`, and in their second half `second`. */
export const Intent = { SPAN: 0, START: 1, FIRST: 2, SECOND: 3 } as const;

export const KEY_WORDS = 12;

/** The directory of depth d lies at `DIRECTORY + 2^d`: none is ever moved. */
export const DIRECTORY = 64;

/** A bucket is a cache line: its control word, and three slots of digest (three words), expiry and meta. */
const BUCKET_WORDS = 16;
export const BYTES_PER_WORD = 4;

/** Words of a row: what a sender makes of a key, and the writer puts or removes. As a slot's. */
export const ROW_WORDS = 5;

/** The sizes of a table: one set for use, small ones for tests. */
export interface TableGeometry {
  /** Buckets of a segment: a power of 2. */
  readonly buckets: number;
  /** The depth of the deepest directory. */
  readonly maxDepth: number;
  /** Where the segments begin: on a cache line. */
  readonly segments: number;
  /** A segment with so many used slots is split, or renewed. */
  readonly limit: number;
  /** It takes no more than this, if it can be neither. */
  readonly hardLimit: number;
}

/** Segments of 6,144 slots, 128 KiB. The limits are 80 % and 97 %. */
export const TABLE_GEOMETRY: TableGeometry = {
  buckets: 2_048,
  maxDepth: 14,
  segments: 33_792,
  limit: 4_915,
  hardLimit: 5_959,
};

export const segmentWords = ({ buckets }: TableGeometry): number => buckets * BUCKET_WORDS;

/** Where a segment begins. */
export const segmentBase = (geometry: TableGeometry, segment: number): number =>
  geometry.segments + segment * segmentWords(geometry);

/** How many bytes a table with so many segments has. */
export const bytesFor = (geometry: TableGeometry, segments: number): number =>
  segmentBase(geometry, segments) * BYTES_PER_WORD;

/** A directory's entry: which segment, and which use of it, so that one that is used again is another entry. Never 0. */
const SEGMENT_BITS = 14;
export const MOST_SEGMENTS = 2 ** SEGMENT_BITS;
export const entryOf = (segment: number, use: number): number => (use << SEGMENT_BITS) | segment;
export const segmentOf = (entry: number): number => entry & (MOST_SEGMENTS - 1);

/**
 * How many segments a table may need. Right after all of them were split they are 40 % full; some of what is used may
 * be removed entries. A bound on addresses, not on memory.
 */
export const segmentsFor = ({ limit, maxDepth }: TableGeometry, maxEntries: number): number =>
  Math.min(MOST_SEGMENTS, 2 ** maxDepth + 4, 8 + Math.ceil((4 * maxEntries) / limit));
