import { describe, expect, it } from 'vitest';
import { CredentialReader } from '../../../../src/kinds/credential/reader.js';
import { allocateChildMemory, bindWords } from '../../../../src/memory/child-memory.js';
import { Header, SNAPSHOT } from '../../../../src/memory/layout.js';
import { RecordWriter, takeLease } from '../../../../src/memory/record.js';
import { AtomicWords, notify } from '../../../../src/memory/words.js';

/** Words under which something happens right before a thread's load of that number, or when it begins to wait. */
class InterruptedWords extends AtomicWords {
  readonly #happens: () => void;
  #left: number;

  constructor(buffer: SharedArrayBuffer, before: number, happens: () => void) {
    super(buffer);
    this.#left = before;
    this.#happens = happens;
  }

  override load(index: number): number {
    this.#left -= 1;
    if (this.#left === 0) this.#happens();
    return super.load(index);
  }

  /** Nobody waits for what can happen now. */
  override wait(): void {
    this.#happens();
  }
}

const payload = new TextEncoder().encode(
  JSON.stringify({ value: 'first', tokenType: 'Bearer', scopes: [], fields: {} }),
);

/** A reader of a credential whose first token is published right before its n-th load, or by hand. */
const interrupted = (loads: number) => {
  const { shared } = allocateChildMemory();
  const words = new AtomicWords(shared);
  const writer = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 1, []));
  let published = false;
  const publish = (): void => {
    if (published) return;
    published = true;
    writer.publish({ generation: 1, issuedAtMs: 0, expiresAtMs: Infinity, usableUntilMs: Infinity }, payload);
    notify(words, Header.CHANGE);
  };
  bindWords(shared, new InterruptedWords(shared, loads, publish));
  const reader = new CredentialReader('github', shared);
  return { reader, publish, wanted: () => words.load(Header.WANTED) };
};

/** More than a wait takes before it rests. */
const LOADS = Array.from({ length: 120 }, (_, index) => index + 1);

describe('a token that comes in the middle of a look for one', () => {
  it('is what get() resolves with, and no other is asked for', async () => {
    for (const loads of LOADS) {
      const { reader, publish, wanted } = interrupted(loads);
      const got = reader.get({ timeoutMs: 10_000 });
      publish();
      expect((await got).generation, `load ${loads}`).toBe(1);
      expect(wanted(), `load ${loads}`).toBeLessThanOrEqual(1);
    }
  });

  it('is what waitSync() returns, and no other is asked for', () => {
    for (const loads of LOADS) {
      const { reader, wanted } = interrupted(loads);
      expect(reader.waitSync({ timeoutMs: 10_000 }).generation, `load ${loads}`).toBe(1);
      expect(wanted(), `load ${loads}`).toBeLessThanOrEqual(1);
    }
  });
});

/** Words in which the snapshot is never the same twice, while a test says so. */
class RestlessWords extends AtomicWords {
  restless = false;
  #loads = 0;

  override load(index: number): number {
    const value = super.load(index);
    if (!this.restless || index !== SNAPSHOT.control) return value;
    this.#loads += 1;
    return value + 8 * this.#loads;
  }
}

it('a token that was read last went on being handed out when a read of its successor gave up: it is not believed', () => {
  const { shared } = allocateChildMemory();
  const words = new RestlessWords(shared);
  bindWords(shared, words);
  const writer = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 1, []));
  const instants = { issuedAtMs: 0, expiresAtMs: Infinity, usableUntilMs: Infinity };
  writer.publish({ generation: 1, ...instants }, payload);
  const reader = new CredentialReader('github', shared);
  expect(reader.current().value).toBe('first');
  writer.withdraw();
  words.restless = true;
  expect(() => reader.current()).toThrow(expect.objectContaining({ code: 'TOKEN_NOT_READY' }));
  expect(reader.last()).toBeUndefined();
  words.restless = false;
  writer.publish({ generation: 2, ...instants }, payload);
  expect(reader.current().generation).toBe(2);
});
