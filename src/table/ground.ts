/** The words, loops and geometry that a table's reader or writer uses in its thread. */
import { DIRECTORY, entryOf, KEY_WORDS, TableWord, type TableGeometry } from './layout.js';
import type { TableLoops } from './table-loops.js';

/** Words that one thread writes and any thread reads. */
export interface TableWords {
  load(index: number): number;
  store(index: number, value: number): void;
  /** A load without ordering: for the writer, of words that only the writer stores. */
  peek(index: number): number;
}

/** The environment of a reader or of the writer in its thread. */
export interface TableGround {
  readonly geometry: TableGeometry;
  /** The header and the directories. */
  readonly words: TableWords;
  readonly loops: TableLoops;
  /** Ensures memory for this many segments. Throws a RangeError if there is not enough. */
  grow(segments: number): void;
  /** Makes this thread use memory that was added meanwhile, after a loop stopped at it. */
  catchUp(): void;
}

/** Lays out an empty table: one segment for all digests. */
export const layOut = (
  { words, loops }: Pick<TableGround, 'words' | 'loops'>,
  maxEntries: number,
  maxSegments: number,
  key: Int32Array,
): void => {
  words.store(TableWord.MAX_ENTRIES, maxEntries);
  words.store(TableWord.MAX_SEGMENTS, maxSegments);
  for (let index = 0; index < KEY_WORDS; index++) words.store(TableWord.KEY + index, key[index]!);
  words.store(TableWord.SEGMENTS, 1);
  words.store(DIRECTORY + 1, entryOf(0, loops.wipe(0)));
};
