/** The memory of a shared table: allocated by the starting thread, opened by each thread. */
import { randomFillSync } from 'node:crypto';
import { inspect, types } from 'node:util';
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { layOut, type TableGround, type TableWords } from './ground.js';
import {
  bytesFor,
  KEY_WORDS,
  segmentsFor,
  TABLE_GEOMETRY,
  TABLE_LAYOUT_VERSION,
  TABLE_MAGIC,
  TableWord,
} from './layout.js';
import { instantiateLoops, type TableLoops } from './table-loops.js';
import { PAGE_BYTES, WasmApi, type WasmMemory } from './web-assembly.js';

/**
 * A table's memory, to be posted to any thread: a shared `WebAssembly.Memory`, which is cloned by reference and grows
 * in place. It contains the key of the digests, so it must stay within this process.
 */
export type TableMemory = WasmMemory;

export const DEFAULT_MAX_ENTRIES = 10_000_000;
export const MOST_ENTRIES = 40_000_000;

/** Options of a table. */
export interface TableOptions {
  /** The most entries that it takes, 1 to 40,000,000. Memory is allocated as entries are added. @default 10_000_000 */
  readonly maxEntries?: number;
}

/**
 * Allocates an empty table. Called in the starting thread, so that the table outlives its writers.
 *
 * @throws CONFIG_INVALID
 */
export const allocateTable = ({ maxEntries = DEFAULT_MAX_ENTRIES }: TableOptions = {}): TableMemory => {
  if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > MOST_ENTRIES) {
    throw new TokenvisorError(
      'CONFIG_INVALID',
      `Expected \`maxEntries\` to be a whole number from 1 to ${MOST_ENTRIES}, got ${describeValue(maxEntries)}`,
    );
  }
  // Two at first: one for the entries, and one for clearing them.
  const maxSegments = segmentsFor(TABLE_GEOMETRY, maxEntries);
  const memory = new WasmApi.Memory({ initial: pagesFor(2), maximum: pagesFor(maxSegments), shared: true });
  silence(memory);
  const ground = new WasmGround(memory);
  const { words } = ground;
  layOut(ground, maxEntries, maxSegments, randomFillSync(new Int32Array(KEY_WORDS)));
  words.store(TableWord.LAYOUT_VERSION, TABLE_LAYOUT_VERSION);
  words.store(TableWord.MAGIC, TABLE_MAGIC);
  return memory;
};

const opened = new WeakMap<TableMemory, TableGround>();

/**
 * Opens a table's memory in this thread.
 *
 * @throws LAYOUT_MISMATCH if it is not a table's, or of another version.
 */
export const openTable = (memory: TableMemory): TableGround => {
  const known = opened.get(memory);
  if (known) return known;
  const ground = new WasmGround(checked(memory));
  silence(memory);
  opened.set(memory, ground);
  return ground;
};

const pagesFor = (segments: number): number => Math.ceil(bytesFor(TABLE_GEOMETRY, segments) / PAGE_BYTES);

/** The words before the segments. The view stays valid as the memory grows. */
class HeadWords implements TableWords {
  readonly #view: Int32Array;

  constructor(memory: TableMemory) {
    this.#view = new Int32Array(memory.buffer, 0, TABLE_GEOMETRY.segments);
  }

  load(index: number): number {
    return Atomics.load(this.#view, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.#view, index, value);
  }

  peek(index: number): number {
    return this.#view[index]!;
  }
}

class WasmGround implements TableGround {
  readonly geometry = TABLE_GEOMETRY;
  readonly words: TableWords;
  readonly loops: TableLoops;
  readonly #memory: TableMemory;

  constructor(memory: TableMemory) {
    this.#memory = memory;
    this.words = new HeadWords(memory);
    this.loops = instantiateLoops(memory);
  }

  /** Grows by a few more than requested, because each growth interrupts all threads; unused segments take no memory. */
  grow(segments: number): void {
    const present = this.#memory.buffer.byteLength / PAGE_BYTES;
    if (pagesFor(segments) <= present) return;
    const ahead = Math.min(segments + (segments >>> 4), this.words.peek(TableWord.MAX_SEGMENTS));
    this.#memory.grow(pagesFor(Math.max(ahead, segments)) - present);
  }

  /** A thread notices growth at its next turn of a loop; growing by nothing makes it notice at once. */
  catchUp(): void {
    this.#memory.grow(0);
  }
}

/** Tested by brand: a value from a port may be of another realm. */
const bufferOf = (value: unknown): SharedArrayBuffer | undefined => {
  try {
    const buffer: unknown = Reflect.get(WasmApi.Memory.prototype, 'buffer', value);
    return types.isSharedArrayBuffer(buffer) ? buffer : undefined;
  } catch {
    return undefined;
  }
};

const checked = (memory: TableMemory): TableMemory => {
  const buffer = bufferOf(memory);
  if (!buffer || buffer.byteLength < bytesFor(TABLE_GEOMETRY, 1)) {
    const came = buffer ? `a shared memory of ${buffer.byteLength} bytes` : describeValue(memory);
    throw mismatch(`Expected the memory of a table, got ${came}`);
  }
  const words = new Int32Array(buffer, 0, TableWord.DEPTH);
  const version = Atomics.load(words, TableWord.LAYOUT_VERSION);
  if (Atomics.load(words, TableWord.MAGIC) !== TABLE_MAGIC) {
    throw mismatch('Expected the memory of a table, got memory that tokenvisor did not make, or that was overwritten');
  }
  if (version !== TABLE_LAYOUT_VERSION) {
    throw mismatch(`Expected a table of layout ${TABLE_LAYOUT_VERSION}, got ${version}`);
  }
  return memory;
};

const mismatch = (what: string): TokenvisorError =>
  new TokenvisorError('LAYOUT_MISMATCH', `${what}. Use one version of tokenvisor in all threads`);

/** Makes the memory print as its name, because it contains the key of the digests. It clones as before. */
const silence = (memory: TableMemory): void => {
  if (Object.hasOwn(memory, inspect.custom) || !Object.isExtensible(memory)) return;
  Object.defineProperty(memory, inspect.custom, { value: () => 'TableMemory' });
};
