import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { checkWaitOptions } from '../../../src/config/check-timeout.js';
import { url } from '../../../src/net/url.js';
import { moduleReference } from '../../../src/config/module-reference.js';
import { startSupervisor } from '../../../src/index.js';
import { openWords, allocateChildMemory } from '../../../src/memory/child-memory.js';
import { encodeOptions } from '../../../src/secrets/reference-tree.js';
import { isAbortSignal, isError, isUrl } from '../../../src/core/realm.js';

/** A value of a `vm` context, as a test runner's code sees it: no class in it is one of ours. */
const foreign = (code: string): unknown => runInNewContext(code);

/** What a browser's environment in a test puts in the place of a class of Node's. */
const standIn = (tag: string, members: object): unknown => {
  class StandIn {
    get [Symbol.toStringTag](): string {
      return tag;
    }
  }
  return Object.assign(new StandIn(), members);
};

const ignore = (): void => undefined;
const file = 'file:///srv/provider.js';
const urlStandIn = (href: string): unknown => {
  const { protocol, username, password, hostname, hash } = new URL(href);
  return standIn('URL', { href, protocol, username, password, hostname, hash });
};
const fileUrl = urlStandIn(file);
const signal = standIn('AbortSignal', { aborted: false, addEventListener: ignore, removeEventListener: ignore });

test.each<[what: string, is: (value: unknown) => boolean, value: unknown, expected: boolean]>([
  ['an error of ours', isError, new TypeError('x'), true],
  ['an error of another realm', isError, foreign('new TypeError("x")'), true],
  ['a DOMException', isError, new DOMException('x'), true],
  ['an object with a message', isError, { name: 'Error', message: 'x' }, false],
  ['nothing', isError, undefined, false],
  ['a revoked proxy', isError, foreign('const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy'), false],
  ['a URL', isUrl, new URL(file), true],
  ['a URL of a stand-in', isUrl, fileUrl, true],
  ['a string', isUrl, file, false],
  ['an object with a href', isUrl, { href: file }, false],
  ['a tag alone', isUrl, standIn('URL', {}), false],
  ['null', isUrl, null, false],
  ['a signal', isAbortSignal, new AbortController().signal, true],
  ['a signal of a stand-in', isAbortSignal, signal, true],
  ['a controller', isAbortSignal, new AbortController(), false],
  ["a signal's tag alone", isAbortSignal, standIn('AbortSignal', {}), false],
  ['undefined', isAbortSignal, undefined, false],
])('%s', (_what, is, value, expected) => {
  expect(is(value)).toBe(expected);
});

test('shared memory of another realm is opened, and memory of it that is no shared memory is refused', () => {
  const { shared } = allocateChildMemory();
  const copy = runInNewContext('(size) => new SharedArrayBuffer(size)') as (size: number) => SharedArrayBuffer;
  const buffer = copy(shared.byteLength);
  expect(buffer).not.toBeInstanceOf(SharedArrayBuffer);
  new Uint8Array(buffer).set(new Uint8Array(shared));
  expect(openWords(buffer).view.byteLength).toBe(shared.byteLength);
  expect(() => openWords(foreign(`new ArrayBuffer(${shared.byteLength})`))).toThrow(
    expect.objectContaining({ code: 'LAYOUT_MISMATCH' }),
  );
});

test('URLs of a stand-in are taken where a URL is', () => {
  const problems: string[] = [];
  const report = (path: string): void => void problems.push(path);
  expect(moduleReference()(fileUrl, 'module', report)).toEqual({ module: file, export: 'default' });
  expect(url()(urlStandIn('https://server.example/'), 'issuer', report)).toBe('https://server.example/');
  expect(problems).toEqual([]);
});

test('a signal of a stand-in is taken where a signal is', () => {
  expect(() => checkWaitOptions({ signal })).not.toThrow();
  expect(() => checkWaitOptions({ signal: {} })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test.each(['new Date(0)', '/x/', 'new ArrayBuffer(1)', 'new SharedArrayBuffer(1)', 'new Uint8Array(1)'])(
  'options hold %s of another realm',
  (code) => {
    const value = foreign(code);
    expect(encodeOptions({ value }).options).toEqual({ value });
  },
);

test('workerUrl may be a URL of a stand-in: it is the file that is missed', async () => {
  const workerUrl = fileUrl as URL;
  await expect(startSupervisor({}, { workerUrl })).rejects.toMatchObject({
    code: 'FILE_MISSING',
    message: expect.stringContaining('/srv/provider.js') as string,
  });
});
