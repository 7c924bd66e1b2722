/**
 * The actor's access to its child's memory: the snapshot for readers, the status and the sealed state, as this and
 * earlier incarnations wrote them.
 */
import { deserialize, serialize } from 'node:v8';
import { describeKind } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { Header, LAST_GENERATION, SEALED, SNAPSHOT, STATUS } from '../memory/layout.js';
import { lastGeneration, NO_INSTANTS, readRecord, RecordWriter, type FencingLease } from '../memory/record.js';
import { notify, type SharedWords } from '../memory/words.js';
import { parsedJson } from '../memory/json.js';
import type { LiveSnapshot, PublishOptions } from './behaviour.js';

/** The lease of an incarnation at each record that it writes. */
export interface ActorLeases {
  readonly snapshot: FencingLease;
  readonly status: FencingLease;
  readonly sealed: FencingLease;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const encode = (what: string, value: unknown): Uint8Array => {
  const text = jsonOf(what, value);
  if (text === undefined) {
    throw new TokenvisorError('NOT_CLONEABLE', `Expected ${what} to be a JSON value, got ${typeof value}`);
  }
  return encoder.encode(text);
};

/** Throws for values without JSON: cycles, bigints, values nested too deep, and a toJSON or getter that throws. */
const jsonOf = (what: string, value: unknown): string | undefined => {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    const message = `Expected ${what} to be a JSON value, got ${describeKind(value)} that has no JSON`;
    throw new TokenvisorError('NOT_CLONEABLE', message, { cause });
  }
};

const exhausted = (): TokenvisorError =>
  new TokenvisorError(
    'INTERNAL',
    `Expected at most ${LAST_GENERATION} publications over all incarnations of a child, got one more: remove the child, and ` +
      'start it again',
  );

const damaged = (): TokenvisorError =>
  new TokenvisorError(
    'INTERNAL',
    'Expected the sealed record as it was written, got one that was overwritten, by a native addon for example',
  );

export class ActorMemory {
  readonly #shared: SharedWords;
  readonly #sealed: SharedWords;
  readonly #snapshot: RecordWriter;
  readonly #status: RecordWriter;
  readonly #seal: RecordWriter;

  constructor(shared: SharedWords, sealed: SharedWords, leases: ActorLeases) {
    this.#shared = shared;
    this.#sealed = sealed;
    this.#snapshot = new RecordWriter(shared, SNAPSHOT, leases.snapshot);
    this.#status = new RecordWriter(shared, STATUS, leases.status);
    this.#seal = new RecordWriter(sealed, SEALED, leases.sealed);
  }

  publish(value: unknown, options: PublishOptions = {}): number {
    const { issuedAtMs = 0, expiresAtMs = Infinity, usableUntilMs = expiresAtMs } = options;
    const generation = options.generation ?? this.generation() + 1;
    if (generation > LAST_GENERATION) throw exhausted();
    this.#snapshot.publish(
      { generation, issuedAtMs, expiresAtMs, usableUntilMs },
      encode('the published value', value),
    );
    this.#changed();
    return generation;
  }

  withdraw(): void {
    this.#snapshot.withdraw();
    this.#changed();
  }

  live(): LiveSnapshot | undefined {
    const record = readRecord(this.#shared, SNAPSHOT);
    if (!record.payload) return undefined;
    const { generation, issuedAtMs, expiresAtMs, usableUntilMs } = record;
    const value = parsedJson(decoder.decode(record.payload));
    if (value === undefined) return undefined;
    return { value, generation, issuedAtMs, expiresAtMs, usableUntilMs };
  }

  generation(): number {
    return lastGeneration(this.#shared, SNAPSHOT);
  }

  seal(value: unknown): void {
    let bytes: Uint8Array;
    try {
      bytes = serialize(value);
    } catch (error) {
      throw new TokenvisorError('NOT_CLONEABLE', 'Expected the sealed value to be one that can be cloned', {
        cause: error,
      });
    }
    this.#seal.publish(NO_INSTANTS, bytes);
  }

  sealed(): unknown {
    const record = readRecord(this.#sealed, SEALED);
    // Do not start without it: a refresh token that may be spent would be sent again.
    if (!record.payload) {
      if (record.damaged) throw damaged();
      return undefined;
    }
    try {
      return deserialize(record.payload) as unknown;
    } catch {
      throw damaged();
    }
  }

  setStatus(value: unknown): void {
    this.#status.publish(NO_INSTANTS, encode('the status', value));
    this.#changed();
  }

  wanted(): number {
    return this.#shared.load(Header.WANTED);
  }

  invalidated(): number {
    return this.#shared.load(Header.INVALIDATED);
  }

  #changed(): void {
    notify(this.#shared, Header.CHANGE);
  }
}
