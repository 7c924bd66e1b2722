/** The memory of one child: allocated by the main thread, opened by every thread that uses it. */
import { inspect, types } from 'node:util';
import { TokenvisorError } from '../core/errors.js';
import { Header, LAYOUT_VERSION, MAGIC, SEALED_BYTES, SHARED_BYTES } from './layout.js';
import type { TableMemory } from '../table/table-memory.js';
import { AtomicWords } from './words.js';

/** The memory of a child. `sealed` goes to the supervisor thread and the actor only; not every child has a table. */
export interface ChildMemory {
  readonly shared: SharedArrayBuffer;
  readonly sealed: SharedArrayBuffer;
  readonly table?: TableMemory;
}

const allocate = (byteLength: number): SharedArrayBuffer => {
  const buffer = new SharedArrayBuffer(byteLength);
  const words = new AtomicWords(buffer);
  words.store(Header.LAYOUT_VERSION, LAYOUT_VERSION);
  words.store(Header.MAGIC, MAGIC);
  return buffer;
};

export const allocateChildMemory = (): ChildMemory => ({
  shared: allocate(SHARED_BYTES),
  sealed: allocate(SEALED_BYTES),
});

/**
 * Makes the buffer print as its name: it holds a token, and printing a handle prints its buffer. It clones as before.
 */
const silence = (buffer: SharedArrayBuffer): void => {
  if (Object.hasOwn(buffer, inspect.custom) || !Object.isExtensible(buffer)) return;
  Object.defineProperty(buffer, inspect.custom, { value: () => `SharedArrayBuffer(${buffer.byteLength} bytes)` });
};

const bound = new WeakMap<SharedArrayBuffer, AtomicWords>();

/**
 * Makes every reader of this buffer in this thread use these words: a child that runs in its readers' thread brings its
 * own.
 */
export const bindWords = (buffer: SharedArrayBuffer, words: AtomicWords): void => void bound.set(buffer, words);

/** Opens an untrusted buffer. Throws LAYOUT_MISMATCH for one that tokenvisor did not make. */
export const openWords = (buffer: unknown, byteLength = SHARED_BYTES): AtomicWords => {
  // Tested by brand: a buffer from a port may be of another realm.
  const isShared = types.isSharedArrayBuffer(buffer);
  if (!isShared || buffer.byteLength !== byteLength) {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the SharedArrayBuffer of a handle() (${byteLength} bytes), got ${
        isShared ? `one of ${buffer.byteLength} bytes` : typeof buffer
      }. Pass on what handle() returned, and use one version of tokenvisor in all threads`,
    );
  }
  silence(buffer);
  const words = bound.get(buffer) ?? new AtomicWords(buffer);
  const version = words.load(Header.LAYOUT_VERSION);
  const isOurs = words.load(Header.MAGIC) === MAGIC;
  if (!isOurs || version !== LAYOUT_VERSION) {
    const came = isOurs ? String(version) : 'memory that tokenvisor did not make, or that was overwritten';
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected memory of layout ${LAYOUT_VERSION}, got ${came}. Use one version of tokenvisor in all threads`,
    );
  }
  return words;
};
