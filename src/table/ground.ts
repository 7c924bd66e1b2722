/** What a table's readers and its writer stand on, in their thread. */
import { DIRECTORY, entryOf, KEY_WORDS, TableWord, type TableGeometry } from './layout.js';
import type { TableLoops } from './table-loops.js';

/** Words that one thread writes and any thread reads. */
export interface TableWords {
  load(index: number): number;
  store(index: number, value: number): void;
  /** A load that orders nothing: of what only the writer stores, by the writer. */
  peek(index: number): number;
}

/** What a reader or the writer stands on, in its thread. */
export interface TableGround {
  readonly geometry: TableGeometry;
  /** The header and the directories. */
  readonly words: TableWords;
  readonly loops: TableLoops;
  /** Sees to it that there is memory for so many segments. Throws a RangeError if there is none to be had. */
  grow(segments: number): void;
  /** After a loop was stopped because it came to memory that this thread had not heard of yet: now it has. */
  catchUp(): void;
}

/** A table with no entry: one segment, the first, for all digests. */
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
