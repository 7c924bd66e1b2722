/**
 * The layout of a shared table: every offset, in one file. See docs/explanation/shared-table.md.
 *
 * A header, a directory for each depth, then the segments. All in words of 32 bits.
 */

/** Readers and the writer check it. Raise it with every change of the layout below, and of the loops. */
export const TABLE_LAYOUT_VERSION = 1;
/** Tells a table from any other shared memory. */
export const TABLE_MAGIC = 0x7461_626c;

/** Words of the header. Words that readers load are in the first cache line, those that the writer stores in others. */
export const TableWord = {
  MAGIC: 0,
  LAYOUT_VERSION: 1,
  /** The most entries that the table takes. */
  MAX_ENTRIES: 2,
  /** The most segments that the table may have. */
  MAX_SEGMENTS: 3,
  /** How many bits of a digest index the current directory. Only ever raised. */
  DEPTH: 4,
  /** The number of entries, including expired ones. */
  SIZE: 16,
  /** How many segments have ever been made. */
  SEGMENTS: 17,
  /** The slot whose entry is being replaced by one with another meta; 0: none. */
  CHANGED: 18,
  /** A pending change of the directory: see {@link Intent}. */
  INTENT: 20,
  /** The key of the digests: 12 words. Beyond the part of a buffer that `util.inspect` shows. */
  KEY: 32,
} as const;

/**
 * Words from `TableWord.INTENT` on: `span` entries from `start` on become `first`, and the second half of them
 * `second`.
 */
export const Intent = { SPAN: 0, START: 1, FIRST: 2, SECOND: 3 } as const;

export const KEY_WORDS = 12;

/** The directory of depth d is at `DIRECTORY + 2^d`: directories never move. */
export const DIRECTORY = 64;

/** A bucket is a cache line: its control word, and three slots of digest (three words), expiry and meta. */
const BUCKET_WORDS = 16;
export const BYTES_PER_WORD = 4;

/** Words of a row, the input of the writer for one entry. As in a slot. */
export const ROW_WORDS = 5;

/** The sizes of a table: one set for use, small ones for tests. */
export interface TableGeometry {
  /** Buckets in a segment: a power of 2. */
  readonly buckets: number;
  /** The depth of the deepest directory. */
  readonly maxDepth: number;
  /** The first word of the segments: on a cache line. */
  readonly segments: number;
  /** A segment with this many used slots is split or renewed. */
  readonly limit: number;
  /** The most used slots, if a segment can be neither split nor renewed. */
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

/** The first word of a segment. */
export const segmentBase = (geometry: TableGeometry, segment: number): number =>
  geometry.segments + segment * segmentWords(geometry);

/** The size in bytes of a table with this many segments. */
export const bytesFor = (geometry: TableGeometry, segments: number): number =>
  segmentBase(geometry, segments) * BYTES_PER_WORD;

/**
 * A directory's entry: the number of a segment, and of its use, so that a reused segment gets another entry. Never 0.
 */
const SEGMENT_BITS = 14;
export const MOST_SEGMENTS = 2 ** SEGMENT_BITS;
export const entryOf = (segment: number, use: number): number => (use << SEGMENT_BITS) | segment;
export const segmentOf = (entry: number): number => entry & (MOST_SEGMENTS - 1);

/**
 * How many segments a table may need. Right after all of them were split they are 40 % full, and some used slots may
 * hold removed entries. A bound on addresses, not on memory.
 */
export const segmentsFor = ({ limit, maxDepth }: TableGeometry, maxEntries: number): number =>
  Math.min(MOST_SEGMENTS, 2 ** maxDepth + 4, 8 + Math.ceil((4 * maxEntries) / limit));
