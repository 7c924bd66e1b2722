import { expect, test } from 'vitest';
import { FileKeys } from '../../../src/jwt/file-keys.js';
import type { Keys } from '../../../src/jwt/key-source.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';

const keysNamed = (text: string): Keys | undefined =>
  text === 'broken' ? undefined : [{ kid: text, algorithms: ['ES256'], material: text }];

const setUp = (staleMs = 10_000) => {
  const clock = createSimulatedClock();
  const disk = { text: 'one' as string | undefined, reads: 0, parses: 0 };
  const source = new FileKeys({
    clock,
    what: 'The JWK set in /etc/keys.json',
    read: () => {
      disk.reads += 1;
      if (disk.text === undefined) throw new Error('ENOENT');
      return disk.text;
    },
    parse: (text) => {
      disk.parses += 1;
      return keysNamed(text);
    },
    staleMs,
  });
  return { clock, disk, source };
};

const unavailable = (text: string): unknown =>
  expect.objectContaining({ code: 'KEYS_UNAVAILABLE', message: expect.stringContaining(text) as string });

test('it is read once a second, and parsed when it is another', async () => {
  const { clock, disk, source } = setUp();
  for (let at = 0; at < 5; at += 1) expect(source.current()).toEqual(keysNamed('one'));
  expect(await source.load()).toEqual(keysNamed('one'));
  expect(disk).toMatchObject({ reads: 1, parses: 1 });
  clock.advance(1_000);
  source.current();
  expect(disk).toMatchObject({ reads: 2, parses: 1 });
  disk.text = 'two';
  clock.advance(999);
  expect(source.current()).toEqual(keysNamed('one'));
  clock.advance(1);
  expect(source.current()).toEqual(keysNamed('two'));
});

test('a token that its keys do not fit has it read at once', () => {
  const { disk, source } = setUp();
  source.current();
  expect(source.newer()).toBeUndefined();
  disk.text = 'two';
  expect(source.newer()).toEqual(keysNamed('two'));
});

test('while it can’t be read or is not whole the keys before are used, and no longer than the bound', () => {
  const { clock, disk, source } = setUp();
  source.current();
  clock.advance(60_000);
  source.current();
  disk.text = 'broken';
  clock.advance(5_000);
  expect(source.current()).toEqual(keysNamed('one'));
  disk.text = undefined;
  clock.advance(4_999);
  expect(source.current()).toEqual(keysNamed('one'));
  expect(source.newer()).toBeUndefined();
  clock.advance(1);
  expect(() => source.current()).toThrow(unavailable('/etc/keys.json'));
  disk.text = 'one';
  clock.advance(1_000);
  expect(source.current()).toEqual(keysNamed('one'));
});

test('without any keys it says so, and finds them when they are there', async () => {
  const { clock, disk, source } = setUp();
  disk.text = undefined;
  expect(() => source.current()).toThrow(unavailable("can't be read"));
  await expect(source.load()).rejects.toEqual(unavailable("can't be read"));
  disk.text = 'broken';
  clock.advance(1_000);
  expect(() => source.current()).toThrow(unavailable("can't be used"));
  disk.text = 'one';
  clock.advance(1_000);
  expect(source.current()).toEqual(keysNamed('one'));
});

test('with a bound of 0 it is believed only while it can be read, and again when it can', () => {
  const { clock, disk, source } = setUp(0);
  source.current();
  disk.text = undefined;
  clock.advance(1_000);
  expect(() => source.current()).toThrow(unavailable("can't be read"));
  disk.text = 'one';
  clock.advance(1_000);
  expect(source.current()).toEqual(keysNamed('one'));
});
