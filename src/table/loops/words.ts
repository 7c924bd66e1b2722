/**
 * The environment of the loops when they run as TypeScript, in the tests: given words, and sizes that may be small. In
 * WebAssembly, instructions and constants take their place: test/run/loops.mjs.
 */
import { BYTES_PER_WORD, DIRECTORY as DIRECTORY_AT, TABLE_GEOMETRY, TableWord, type TableGeometry } from '../layout.js';

declare global {
  /** A 32-bit integer, as the compiler to WebAssembly calls it. */
  type i32 = number;
}

export interface LoopWords {
  load(index: number): number;
  store(index: number, value: number): void;
}

let words: LoopWords | undefined;

export const DEPTH: i32 = TableWord.DEPTH * BYTES_PER_WORD;
export const DIRECTORY: i32 = DIRECTORY_AT * BYTES_PER_WORD;
export let BUCKETS: i32 = TABLE_GEOMETRY.buckets;
export let SEGMENTS: i32 = TABLE_GEOMETRY.segments * BYTES_PER_WORD;

/** Sets the words and geometry of the next loop. */
export const runOn = (these: LoopWords, { buckets, segments }: TableGeometry): void => {
  words = these;
  BUCKETS = buckets;
  SEGMENTS = segments * BYTES_PER_WORD;
};

export const load = (at: i32): i32 => words!.load(at >>> 2);

/** A load without ordering: for the writer, of words that only the writer stores. */
export const peek = (at: i32): i32 => words!.load(at >>> 2);

export const store = (at: i32, value: i32): void => words!.store(at >>> 2, value);
