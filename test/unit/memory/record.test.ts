import { describe, expect, test } from 'vitest';
import type { TokenvisorError } from '../../../src/core/errors.js';
import {
  Header,
  nextControl,
  payloadBytes,
  refusedControl,
  type RecordPlace,
  SHARED_BYTES,
  Slot,
  slotIndex,
  STATUS,
  SNAPSHOT,
} from '../../../src/memory/layout.js';
import {
  fenceRecord,
  lastGeneration,
  readRecord,
  type RecordHeader,
  RecordWriter,
  refuseRecord,
  takeLease,
  wipeAfter,
  withdrawRecord,
  type FencingLease,
} from '../../../src/memory/record.js';
import { AtomicWords } from '../../../src/memory/words.js';
import { dyingAfter, survives } from '../../support/dying-words.js';
import { sameWords } from '../../support/tiny-record.js';

const FIRST: FencingLease = { epoch: 1, bank: 0, control: 0 };

const header = (generation: number): RecordHeader => ({
  generation,
  issuedAtMs: 1_700_000_000_123.5,
  expiresAtMs: Infinity,
  usableUntilMs: 1_700_000_090_000,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const text = (payload: Uint8Array | undefined): string | undefined => payload && new TextDecoder().decode(payload);

const newWords = (): AtomicWords => new AtomicWords(new SharedArrayBuffer(SHARED_BYTES));

const start = (place: RecordPlace = SNAPSHOT) => {
  const words = newWords();
  return { words, place, writer: new RecordWriter(words, place, FIRST) };
};

const live = (words: AtomicWords, place: RecordPlace = SNAPSHOT): string | undefined =>
  text(readRecord(words, place).payload);

/** Where in memory a text still is, in bytes from the start. */
const traces = ({ view }: AtomicWords, needle: string): number[] => {
  const memory = Buffer.from(view.buffer);
  const found: number[] = [];
  for (let at = memory.indexOf(needle); at >= 0; at = memory.indexOf(needle, at + 1)) found.push(at);
  return found;
};

const code = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as TokenvisorError).code;
  }
};

describe('publish', () => {
  test('there is no record at first', () => {
    expect(readRecord(newWords(), SNAPSHOT)).toEqual({ control: 0 });
  });

  test('what is read is what was published, and who published it', () => {
    const { words, writer } = start();
    writer.publish(header(7), bytes('first'));
    const { payload, ...rest } = readRecord(words, SNAPSHOT);
    expect(rest).toEqual({ ...header(7), epoch: 1, control: words.load(SNAPSHOT.control) });
    expect(text(payload)).toBe('first');
  });

  test.each([0, 1, 2, 3, 4, 5, payloadBytes(SNAPSHOT)])('a payload of %i bytes comes back whole', (length) => {
    const { words, writer } = start();
    const payload = Uint8Array.from({ length }, (_, index) => index * 7);
    writer.publish(header(1), payload);
    expect(readRecord(words, SNAPSHOT).payload).toEqual(payload);
  });

  test('one that is too large changes nothing', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    const before = words.view.slice();
    expect(code(() => writer.publish(header(2), new Uint8Array(payloadBytes(SNAPSHOT) + 1)))).toBe('RECORD_TOO_LARGE');
    expect(words.view).toEqual(before);
    writer.publish(header(2), bytes('second'));
    expect(live(words)).toBe('second');
  });

  test('nothing is left of the one before, be it longer or shorter', () => {
    const { words, writer } = start();
    for (const payload of ['a long first one, of many words', 'short', 'another long one, of more words than that']) {
      writer.publish(header(1), bytes(payload));
      expect(traces(words, payload)).toHaveLength(1);
    }
    expect(traces(words, 'long')).toHaveLength(1);
    expect(traces(words, 'short')).toHaveLength(0);
  });

  test('the records of one buffer do not touch each other', () => {
    const { words, writer } = start();
    const status = new RecordWriter(words, STATUS, FIRST);
    writer.publish(header(1), bytes('token'));
    status.publish(header(0), bytes('status'));
    status.withdraw();
    expect(live(words)).toBe('token');
  });
});

describe('withdraw', () => {
  test('there is none afterwards, and nothing of it in memory', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    writer.withdraw();
    expect(readRecord(words, SNAPSHOT)).toEqual({ control: words.load(SNAPSHOT.control) });
    expect(traces(words, 'first')).toEqual([]);
  });

  test('a reader that has cached its control word sees another', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    const { control } = readRecord(words, SNAPSHOT);
    writer.withdraw();
    expect(words.load(SNAPSHOT.control)).not.toBe(control);
  });

  test('the next publication is seen', () => {
    const { words, writer } = start();
    writer.withdraw();
    writer.publish(header(1), bytes('first'));
    writer.withdraw();
    writer.publish(header(2), bytes('second'));
    expect(live(words)).toBe('second');
  });
});

describe('a refusal', () => {
  test('is another control word of the same record, whatever the number of those who refuse', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('one'));
    const { control } = readRecord(words, SNAPSHOT);
    refuseRecord(words, SNAPSHOT, 1);
    const refused = readRecord(words, SNAPSHOT);
    refuseRecord(words, SNAPSHOT, 1);
    expect(refused.control).not.toBe(control);
    expect(readRecord(words, SNAPSHOT)).toEqual(refused);
    expect(live(words)).toBe('one');
  });

  test('of another generation, or of none, changes nothing', () => {
    const { words, writer } = start();
    refuseRecord(words, SNAPSHOT, 0);
    writer.publish(header(2), bytes('two'));
    const before = words.load(SNAPSHOT.control);
    refuseRecord(words, SNAPSHOT, 1);
    expect(words.load(SNAPSHOT.control)).toBe(before);
    expect(before).not.toBe(0);
  });

  test('shuts no writer out: not one that publishes, withdraws or succeeds', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('one'));
    refuseRecord(words, SNAPSHOT, 1);
    writer.publish(header(2), bytes('two'));
    expect(live(words)).toBe('two');
    refuseRecord(words, SNAPSHOT, 2);
    const successor = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 2, []));
    expect(live(words)).toBe('two');
    successor.publish(header(3), bytes('three'));
    refuseRecord(words, SNAPSHOT, 3);
    successor.withdraw();
    expect(live(words)).toBeUndefined();
  });

  test('is no way back for a writer that is fenced', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('one'));
    refuseRecord(words, SNAPSHOT, 1);
    fenceRecord(words, SNAPSHOT, 1);
    expect(live(words)).toBe('one');
    refuseRecord(words, SNAPSHOT, 1);
    expect(code(() => writer.publish(header(2), bytes('two')))).toBe('FENCED');
    expect(live(words)).toBe('one');
  });
});

describe('what a reader does not take', () => {
  const published = () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    return { words, base: slotIndex(SNAPSHOT, 0, words.load(SNAPSHOT.control) & 1) };
  };

  test.each([
    { what: 'another stamp', word: Slot.STAMP, value: 4 },
    { what: 'another generation', word: Slot.GENERATION, value: 2 },
    { what: 'another payload', word: Slot.PAYLOAD, value: 0 },
    { what: 'another checksum', word: Slot.CHECKSUM, value: 0 },
    { what: 'a negative length', word: Slot.BYTE_LENGTH, value: -1 },
    { what: 'a length past the slot', word: Slot.BYTE_LENGTH, value: payloadBytes(SNAPSHOT) + 1 },
    { what: 'a shorter length', word: Slot.BYTE_LENGTH, value: 1 },
  ])('$what', ({ word, value }) => {
    const { words, base } = published();
    words.store(base + word, value);
    expect(readRecord(words, SNAPSHOT).payload).toBeUndefined();
  });

  test('a control word that is never the same twice: it gives up', () => {
    const { words } = published();
    let control = words.load(SNAPSHOT.control);
    const restless = {
      ...sameWords(words),
      load: (index: number) => (index === SNAPSHOT.control ? (control += 4) : words.load(index)),
    };
    expect(readRecord(restless, SNAPSHOT)).toEqual({ control: undefined });
  });
});

test('a refusal was dropped when the record was never the same twice: who has it cached looks again', () => {
  const { words, writer } = start();
  writer.publish(header(5), bytes('refused'));
  const before = words.load(SNAPSHOT.control);
  let looks = 0;
  const restless = {
    ...sameWords(words),
    // Long enough for a read to give up.
    load: (index: number) => words.load(index) + (index === SNAPSHOT.control && (looks += 1) < 2_000 ? looks * 8 : 0),
  };
  refuseRecord(restless, SNAPSHOT, 5);
  expect(words.load(SNAPSHOT.control)).toBe(refusedControl(before));
  // And it shuts no writer out.
  writer.publish(header(6), bytes('next'));
  expect(live(words)).toBe('next');
});

describe('a fence', () => {
  test('keeps the record, with its epoch, and shuts out its writer for good', () => {
    const { words, writer } = start();
    writer.publish(header(5), bytes('first'));
    const lease = takeLease(words, SNAPSHOT, 2, [FIRST]);
    expect(lease).toMatchObject({ epoch: 2, bank: 1 });
    expect(readRecord(words, SNAPSHOT)).toMatchObject({ ...header(5), epoch: 1 });
    for (let again = 0; again < 3; again += 1) {
      expect(code(() => writer.publish(header(6), bytes('zombie')))).toBe('FENCED');
      expect(code(() => writer.withdraw())).toBe('FENCED');
    }
    expect(live(words)).toBe('first');
  });

  test('the writer that finds itself fenced leaves nothing in its bank', () => {
    const { words, writer } = start();
    writer.publish(header(5), bytes('first'));
    const successor = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 2, [FIRST]));
    expect(traces(words, 'first')).toHaveLength(2);
    expect(code(() => writer.publish(header(6), bytes('zombie')))).toBe('FENCED');
    expect(traces(words, 'first')).toHaveLength(1);
    expect(traces(words, 'zombie')).toEqual([]);
    successor.publish(header(6), bytes('second'));
    expect(live(words)).toBe('second');
  });

  test('of no record keeps none', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    writer.withdraw();
    fenceRecord(words, SNAPSHOT, 1);
    expect(live(words)).toBeUndefined();
    expect(code(() => writer.publish(header(2), bytes('zombie')))).toBe('FENCED');
  });

  test('that meets a publication keeps the newer one', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    let late = 0;
    const contended = {
      ...sameWords(words),
      compareExchange: (index: number, expected: number, replacement: number) => {
        late += 1;
        if (late < 4) writer.publish(header(1 + late), bytes(`late ${late}`));
        return words.compareExchange(index, expected, replacement);
      },
    };
    fenceRecord(contended, SNAPSHOT, 1);
    expect(live(words)).toBe('late 3');
    expect(code(() => writer.publish(header(9), bytes('zombie')))).toBe('FENCED');
    new RecordWriter(words, SNAPSHOT, { epoch: 2, bank: 1, control: words.load(SNAPSHOT.control) });
    expect([1, 2].map((n) => traces(words, `late ${n}`))).toEqual([[], []]);
  });
});

describe('a lease', () => {
  const seatOn = (bank: 0 | 1): FencingLease => ({ epoch: 1, bank, control: 0 });

  test('is on the live bank if nobody is there', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    const control = words.load(SNAPSHOT.control);
    expect(takeLease(words, SNAPSHOT, 2, [])).toEqual({ epoch: 2, bank: 0, control });
    expect(takeLease(words, SNAPSHOT, 2, [seatOn(1)])).toEqual({ epoch: 2, bank: 0, control });
  });

  test('is never a third one', () => {
    expect(code(() => takeLease(newWords(), SNAPSHOT, 3, [seatOn(0), seatOn(1)]))).toBe('INTERNAL');
  });
});

describe('a withdrawal from outside', () => {
  test('shuts the writer out', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    withdrawRecord(words, SNAPSHOT, { wipe: false });
    expect(live(words)).toBeUndefined();
    expect(code(() => writer.publish(header(2), bytes('zombie')))).toBe('FENCED');
    expect(live(words)).toBeUndefined();
    expect(traces(words, 'first')).toEqual([]);
  });

  test('leaves nothing in memory, if it is to wipe', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    fenceRecord(words, SNAPSHOT, 1);
    withdrawRecord(words, SNAPSHOT, { wipe: true });
    expect(traces(words, 'first')).toEqual([]);
  });

  test('a successor goes on from it', () => {
    const { words } = start();
    withdrawRecord(words, SNAPSHOT, { wipe: true });
    new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 2, [])).publish(header(1), bytes('first'));
    expect(live(words)).toBe('first');
  });
});

describe('what a dead writer leaves', () => {
  const LONGER = 'a first record, longer';

  /** A first writer has published, and a second one dies over what it does when it has done so many operations. */
  const die = (act: (writer: RecordWriter) => void, operations: number) => {
    const { words, writer } = start();
    writer.publish(header(1), bytes(LONGER));
    const lease = takeLease(words, SNAPSHOT, 2, []);
    const lived = survives(() => act(new RecordWriter(dyingAfter(words, operations), SNAPSHOT, lease)));
    return { words, lived };
  };

  test.each([
    { act: 'publish', run: (writer: RecordWriter) => writer.publish(header(2), bytes('second')), after: 'second' },
    { act: 'withdraw', run: (writer: RecordWriter) => writer.withdraw(), after: undefined },
  ])(
    '$act: after each of its operations a successor finds one whole record or none, and cleans up',
    ({ run, after }) => {
      const seen = new Set<string | undefined>();
      let deaths = 0;
      for (; ; deaths += 1) {
        const { words, lived } = die(run, deaths);
        if (lived) break;
        const found = live(words);
        seen.add(found);
        const successor = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 3, []));
        for (const trace of [LONGER, 'second']) expect(traces(words, trace)).toHaveLength(trace === found ? 1 : 0);
        expect(live(words)).toBe(found);
        const last = lastGeneration(words, SNAPSHOT);
        expect(last).toBe(found === 'second' ? 2 : 1);
        expect(words.load(Header.GENERATION)).toBe(last);
        successor.publish(header(last + 1), bytes('third'));
        expect(live(words)).toBe('third');
      }
      expect(deaths).toBeGreaterThan(30);
      expect(seen).toEqual(new Set([LONGER, after]));
    },
  );

  test('is wiped when it is gone, and the live record stays', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    fenceRecord(words, SNAPSHOT, 1);
    expect(traces(words, 'first')).toHaveLength(2);
    wipeAfter(words, SNAPSHOT, 0);
    expect(traces(words, 'first')).toHaveLength(1);
    wipeAfter(words, SNAPSHOT, 1);
    expect(live(words)).toBe('first');
  });
});

describe('the last generation', () => {
  test('a generation does not come twice, though its writer died before it was noted and its record was withdrawn', () => {
    const { words, writer } = start();
    writer.publish(header(1), bytes('first'));
    const lease = takeLease(words, SNAPSHOT, 2, []);
    const dies = {
      ...sameWords(words),
      compareExchange: (index: number, expected: number, replacement: number) => {
        if (index === Header.GENERATION) throw new Error('dead');
        return words.compareExchange(index, expected, replacement);
      },
    };
    expect(() => new RecordWriter(dies, SNAPSHOT, lease).publish(header(2), bytes('second'))).toThrow('dead');
    expect(lastGeneration(words, SNAPSHOT)).toBe(2);
    withdrawRecord(words, SNAPSHOT, { wipe: true });
    expect(lastGeneration(words, SNAPSHOT)).toBe(2);
  });

  test('nor if the successor withdraws it', () => {
    const { words, writer } = start();
    writer.publish(header(3), bytes('first'));
    words.store(Header.GENERATION, 2);
    new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 2, [])).withdraw();
    expect(lastGeneration(words, SNAPSHOT)).toBe(3);
  });

  test('a record without the word has that of its record', () => {
    const { words, writer } = start(STATUS);
    writer.publish(header(3), bytes('status'));
    expect(lastGeneration(words, STATUS)).toBe(3);
    writer.withdraw();
    expect(lastGeneration(words, STATUS)).toBe(0);
    expect(words.load(Header.GENERATION)).toBe(0);
  });
});

test('a control word that has come round to the sign bit is read and published as any other', () => {
  const words = newWords();
  const control = nextControl(-8 | 0, 0, 1);
  words.store(SNAPSHOT.control, control);
  const writer = new RecordWriter(words, SNAPSHOT, { epoch: 1, bank: 0, control });
  for (let n = 1; n < 6; n += 1) {
    writer.publish(header(n), bytes(`number ${n}`));
    expect(live(words)).toBe(`number ${n}`);
  }
});
