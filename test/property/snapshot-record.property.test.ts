import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bankOf, payloadBytes, type RecordPlace, Slot, slotIndex } from '../../src/memory/layout.js';
import {
  lastGeneration,
  readRecord,
  RecordWriter,
  takeLease,
  wipeAfter,
  withdrawRecord,
  type FencingLease,
} from '../../src/memory/record.js';
import { AtomicWords } from '../../src/memory/words.js';
import { dyingAfter, survives } from '../support/dying-words.js';

const PLACE: RecordPlace = { control: 0, generation: 1, slots: 2, slotWords: Slot.PAYLOAD + 6 };
const WORDS = PLACE.slots + 4 * PLACE.slotWords;

/** What a reader must see, and what the memory may hold. */
interface Expected {
  payload: number[] | undefined;
  generation: number;
  published: number;
}

/** A record with its writers: one that may write, and at most one zombie. */
class System {
  readonly words = new AtomicWords(new SharedArrayBuffer(WORDS * 4));
  readonly expected: Expected = { payload: undefined, generation: 0, published: 0 };
  #epoch = 0;
  #writer!: RecordWriter;
  #lease!: FencingLease;
  #zombie: { writer: RecordWriter; lease: FencingLease } | undefined;
  #stopped = false;

  constructor() {
    this.#succeed();
  }

  publish(payload: number[], generationsOn: number): void {
    const generation = lastGeneration(this.words, PLACE) + generationsOn;
    const publish = (): void => this.#writer.publish(headerOf(generation), Uint8Array.from(payload));
    if (payload.length > payloadBytes(PLACE)) {
      expect(publish).toThrow(expect.objectContaining({ code: 'RECORD_TOO_LARGE' }));
    } else if (this.#stopped) {
      expect(publish).toThrow(expect.objectContaining({ code: 'FENCED' }));
    } else {
      publish();
      this.#published(payload, generation);
    }
  }

  withdraw(): void {
    if (this.#stopped) return;
    this.#writer.withdraw();
    this.expected.payload = undefined;
  }

  /** The writer dies in a publication, after so many operations. A successor follows. */
  die(payload: number[], operations: number): void {
    if (this.#stopped || payload.length > payloadBytes(PLACE)) return;
    const before = this.words.load(PLACE.control);
    const generation = lastGeneration(this.words, PLACE) + 1;
    const dying = dyingAfter(this.words, operations);
    survives(() => {
      this.#sit(dying);
      this.#writer.publish(headerOf(generation), Uint8Array.from(payload));
    });
    if (this.words.load(PLACE.control) !== before) this.#published(payload, generation);
    wipeAfter(this.words, PLACE, this.#lease.bank);
    this.#succeed();
  }

  /** The writer is given up; another one follows. */
  fence(): void {
    if (this.#zombie) return;
    this.#zombie = { writer: this.#writer, lease: this.#lease };
    this.#succeed();
  }

  zombiePublishes(payload: number[]): void {
    if (!this.#zombie || payload.length > payloadBytes(PLACE)) return;
    const { writer } = this.#zombie;
    const publish = (): void => writer.publish(headerOf(1_000_000), Uint8Array.from(payload));
    expect(publish).toThrow(expect.objectContaining({ code: 'FENCED' }));
  }

  zombieExits(): void {
    if (!this.#zombie) return;
    wipeAfter(this.words, PLACE, this.#zombie.lease.bank);
    this.#zombie = undefined;
  }

  /** From outside, with nobody to write any more; then a new start. */
  stop(): void {
    withdrawRecord(this.words, PLACE, { wipe: this.#zombie === undefined });
    this.expected.payload = undefined;
    this.#stopped = true;
  }

  restart(): void {
    if (this.#stopped) wipeAfter(this.words, PLACE, this.#lease.bank);
    this.#succeed();
  }

  check(): void {
    const record = readRecord(this.words, PLACE);
    const { payload, generation, published } = this.expected;
    expect(record.payload && [...record.payload]).toEqual(payload);
    if (record.payload) expect(record).toMatchObject(headerOf(generation));
    expect(lastGeneration(this.words, PLACE)).toBe(published);
    const { bank } = this.#lease;
    if (!this.#stopped) expect(bankOf(this.words.load(PLACE.control))).toBe(bank);
    if (!this.#zombie && !this.#stopped) expect(this.#slotsInUse()).toBe(payload ? 1 : 0);
  }

  #slotsInUse(): number {
    const slots = [0, 1, 2, 3].map((slot) => slotIndex(PLACE, slot >> 1, slot & 1));
    // The instants of an empty record that was cut short may stay: there is nothing secret in them.
    const isUsed = (base: number): boolean =>
      [Slot.STAMP, Slot.BYTE_LENGTH, ...Array.from({ length: 6 }, (_, word) => Slot.PAYLOAD + word)].some(
        (word) => this.words.load(base + word) !== 0,
      );
    return slots.filter(isUsed).length;
  }

  #published(payload: number[], generation: number): void {
    Object.assign(this.expected, { payload, generation, published: generation });
  }

  #succeed(): void {
    this.#stopped = false;
    this.#epoch += 1;
    this.#lease = takeLease(this.words, PLACE, this.#epoch, this.#zombie ? [this.#zombie.lease] : []);
    this.#sit(this.words);
  }

  #sit(words: ConstructorParameters<typeof RecordWriter>[0]): void {
    this.#lease = { ...this.#lease, control: this.words.load(PLACE.control) };
    this.#writer = new RecordWriter(words, PLACE, this.#lease);
  }
}

const headerOf = (generation: number) => ({
  generation,
  issuedAtMs: generation * 1_000.5,
  expiresAtMs: Infinity,
  usableUntilMs: -generation,
});

const payloads = fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: payloadBytes(PLACE) + 2 });

const acts = fc.oneof(
  fc.record({ act: fc.constant('publish' as const), payload: payloads, on: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ act: fc.constant('die' as const), payload: payloads, operations: fc.nat(90) }),
  fc.record({ act: fc.constant('zombiePublishes' as const), payload: payloads }),
  fc.record({ act: fc.constantFrom('withdraw', 'fence', 'zombieExits', 'stop', 'restart') }),
);

test('a record is what its model says, through deaths, zombies, stops and successors', () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 40 }), (script) => {
      const system = new System();
      for (const step of script) {
        switch (step.act) {
          case 'publish':
            system.publish(step.payload, step.on);
            break;
          case 'die':
            system.die(step.payload, step.operations);
            break;
          case 'zombiePublishes':
            system.zombiePublishes(step.payload);
            break;
          default:
            system[step.act]();
        }
        system.check();
      }
    }),
    { numRuns: 2_000 },
  );
});
