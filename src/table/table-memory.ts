/** The memory of a shared table: what the starting thread allocates, and what each thread opens. */
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
 * A table's memory, to be posted to any thread: a shared `WebAssembly.Memory`, which is cloned by reference and grows in
 * place. The key of the digests lies in it, so it is for the threads of this process alone.
 */
export type TableMemory = WasmMemory;

export const DEFAULT_MAX_ENTRIES = 10_000_000;
export const MOST_ENTRIES = 40_000_000;

/** Options of a table. */
export interface TableOptions {
  /** The most entries that it takes, 1 to 40,000,000. Memory is taken as entries come. @default 10_000_000 */
  readonly maxEntries?: number;
}

/**
 * Allocates an empty table. In the starting thread, so that it outlives its writers.
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
  // Two at first: one for the entries, and one for when they are cleared.
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
 * A table's memory as this thread uses it.
 *
 * @throws LAYOUT_MISMATCH if it is none, or of another version.
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

/** The words before the segments. The view stays good as the memory grows. */
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

  /** A few more than are asked for, as every growth tells all threads; what is not used yet takes no memory. */
  grow(segments: number): void {
    const present = this.#memory.buffer.byteLength / PAGE_BYTES;
    if (pagesFor(segments) <= present) return;
    const ahead = Math.min(segments + (segments >>> 4), this.words.peek(TableWord.MAX_SEGMENTS));
    this.#memory.grow(pagesFor(Math.max(ahead, segments)) - present);
  }

  /** A thread hears of growth at its next turn of a loop; growing by nothing has it look at once. */
  catchUp(): void {
    this.#memory.grow(0);
  }
}

/** By its brand: what comes over a port may be of another realm. */
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
    throw mismatch('Expected the memory of a table, got memory that is not of tokenvisor, or was overwritten');
  }
  if (version !== TABLE_LAYOUT_VERSION) {
    throw mismatch(`Expected a table of layout ${TABLE_LAYOUT_VERSION}, got ${version}`);
  }
  return memory;
};

const mismatch = (what: string): TokenvisorError =>
  new TokenvisorError('LAYOUT_MISMATCH', `${what}. Use one version of tokenvisor in all threads`);

/** The key of the digests lies in it, so it prints as its name, whatever is asked for. It clones as before. */
const silence = (memory: TableMemory): void => {
  if (Object.hasOwn(memory, inspect.custom) || !Object.isExtensible(memory)) return;
  Object.defineProperty(memory, inspect.custom, { value: () => 'TableMemory' });
};
