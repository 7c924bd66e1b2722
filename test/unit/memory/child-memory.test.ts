import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { allocateChildMemory, openWords } from '../../../src/memory/child-memory.js';
import { Header, LAYOUT_VERSION, SEALED_BYTES, SHARED_BYTES } from '../../../src/memory/layout.js';

const { shared, sealed } = allocateChildMemory();

const changed = (word: number, value: number): SharedArrayBuffer => {
  const { shared: buffer } = allocateChildMemory();
  new Int32Array(buffer)[word] = value;
  return buffer;
};

test('what was allocated can be opened', () => {
  expect(openWords(shared).view.byteLength).toBe(SHARED_BYTES);
  expect(openWords(sealed, SEALED_BYTES).view.byteLength).toBe(SEALED_BYTES);
});

const unlike = 'Expected the SharedArrayBuffer of a handle()';
const layout = `Expected memory of layout ${LAYOUT_VERSION}`;

test.each<[what: string, buffer: unknown, message: string]>([
  ['nothing', undefined, unlike],
  ['null', null, unlike],
  ['a number', 1, unlike],
  ['an object', {}, unlike],
  ['a string', 'memory', unlike],
  ['an ArrayBuffer of the size', new ArrayBuffer(SHARED_BYTES), unlike],
  ['a view', new Int32Array(shared), unlike],
  ['an empty buffer', new SharedArrayBuffer(0), 'got one of 0 bytes'],
  ['a smaller one', new SharedArrayBuffer(SHARED_BYTES - 4), `got one of ${SHARED_BYTES - 4} bytes`],
  ['the sealed one', sealed, `got one of ${SEALED_BYTES} bytes`],
  ['one of the size that nobody has laid out', new SharedArrayBuffer(SHARED_BYTES), layout],
  ['one of another library', changed(Header.MAGIC, 1), `${layout}, got memory that tokenvisor did not make`],
  ['one of an older version', changed(Header.LAYOUT_VERSION, 0), 'got 0'],
  ['one of a newer version', changed(Header.LAYOUT_VERSION, LAYOUT_VERSION + 1), `got ${LAYOUT_VERSION + 1}`],
])('%s is refused', (_what, buffer, message) => {
  expect(() => openWords(buffer)).toThrow(
    expect.objectContaining({ code: 'LAYOUT_MISMATCH', message: expect.stringContaining(message) as string }),
  );
});

test('what was refused is left as it was', () => {
  const buffer = new SharedArrayBuffer(SHARED_BYTES);
  expect(() => openWords(buffer)).toThrow();
  expect(new Int32Array(buffer).every((word) => word === 0)).toBe(true);
});

test('the buffer prints without what is in it', () => {
  openWords(shared);
  expect(inspect({ shared })).toContain(`SharedArrayBuffer(${SHARED_BYTES} bytes)`);
});
