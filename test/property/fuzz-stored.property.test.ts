/**
 * What comes from outside of the process, as bytes or JSON, drawn at random or made from what is good by a change of it:
 * there is a value, which is all that a strict reading finds, or there is a coded error, or there is none. Nothing throws
 * anything else, and no secret is quoted.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { fromWireError, toWireError } from '../../src/core/wire-error.js';
import { attach } from '../../src/attach.js';
import { SealedState } from '../../src/kinds/credential/sealed-state.js';
import { ProviderError, TokenvisorError } from '../../src/core/errors.js';
import { claimsOf } from '../../src/jwt/claims.js';
import { KeySet } from '../../src/jwt/key-set.js';
import { keysOfSet } from '../../src/jwt/verification-key.js';
import { mergeEntry, stateOf, toRow, toWrite } from '../../src/kinds/ledger/ledger-entry.js';
import { applyRequest } from '../../src/kinds/ledger/ledger-record.js';
import { FileLock } from '../../src/fs/file-lock.js';
import { FileStore } from '../../src/refresh-store/file.js';
import { malformedAnswer } from '../../src/net/http-failures.js';
import { discover } from '../../src/oauth/discovery.js';
import { checkedEndpoint } from '../../src/oauth/protocol/server-metadata.js';
import { digestOf, openIntent, type RefreshRecord } from '../../src/refresh-store/record.js';
import { parseHttpDate, parseRetryAfter } from '../../src/net/retry-after.js';
import { file, readSecret } from '../../src/secrets/references.js';
import { machineFs } from '../../src/fs/files.js';
import { storedOf } from '../../src/storage/lmdb/lmdb-database.js';
import { replyOf, requestOf } from '../../src/storage/lmdb/lmdb-protocol.js';
import { PackedPage, unpacked } from '../../src/storage/port/packed-entries.js';
import { storedName } from '../../src/storage/port/stored-names.js';
import { isSupervisorMessage } from '../../src/supervision/main/answers.js';
import { createSimulatedClock } from '../../src/testing/simulated-clock.js';

const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-fuzz-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Another seed each time; the one that is asked for, to see it again. */
const parameters = {
  numRuns: 300,
  ...(process.env['FUZZ_SEED'] !== undefined && { seed: Number(process.env['FUZZ_SEED']) }),
};

const HUSH = 'hush-f00d5ec2e7f00d5ec2e7f00d5ec2e7f0';
const clock = createSimulatedClock({ wallMs: Date.UTC(2026, 0, 1) });

/** What it gives, or the coded error that it throws; any other fails the test, and so does a secret in it. */
const outcome = <T>(run: () => T): { readonly value: T } | { readonly error: TokenvisorError } => {
  try {
    return { value: run() };
  } catch (error) {
    return { error: coded(error) };
  }
};

const coded = (error: unknown): TokenvisorError => {
  if (!(error instanceof TokenvisorError)) throw error;
  const texts = [error.message, String(error.cause)];
  for (const text of texts) expect(text).not.toContain(HUSH);
  expect(error.code).not.toBe('INTERNAL');
  return error;
};

/** Text that was changed in a place: cut there, or with other bytes in it. */
const changedText = (good: string): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.nat(Buffer.byteLength(good)), fc.uint8Array({ maxLength: 4 }), fc.nat(6)).map(([at, put, over]) => {
    const bytes = Buffer.from(good);
    return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + over)]);
  });

const strangeNumber = fc.constantFrom(-1, -0, 0.5, NaN, Infinity, 2 ** 53, 2 ** 32, 1e308, 2 ** 31);
const strange = fc.oneof(
  fc.anything({ maxDepth: 2 }),
  fc.jsonValue({ maxDepth: 2 }),
  strangeNumber,
  fc.constantFrom(undefined, null, '', HUSH, '__proto__', '\uD800', [], {}),
);

/** An object of which one or two members are something else, or are gone, or were not there. */
const changedObject = (good: object): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .array(fc.tuple(fc.constantFrom(...Object.keys(good), '__proto__', 'constructor', 'subject', 'kind'), strange), {
      minLength: 1,
      maxLength: 2,
    })
    .map((changes) => {
      const changed: Record<string, unknown> = { ...good };
      for (const [key, value] of changes) {
        if (value === undefined) delete changed[key];
        else Object.defineProperty(changed, key, { value, enumerable: true, configurable: true, writable: true });
      }
      return changed;
    });

const asJson = (value: unknown): string => {
  try {
    const json = JSON.stringify(value) as string | undefined;
    return json ?? 'undefined';
  } catch {
    return 'no JSON';
  }
};

describe('a refresh-token file', () => {
  const token = `refresh-${HUSH}`;
  const record: RefreshRecord = {
    revision: 1_767_225_600_000,
    writer: 'supervisor-1/mail',
    refreshToken: token,
    rotations: 2,
    seeds: [digestOf('seed')],
    intent: { attempt: 3, token: digestOf(token), replays: 0 },
  };
  const good = { format: 'tokenvisor refresh token', version: 1, ...record };
  const place = path.join(directory, 'token.json');
  const store = new FileStore({ path: place, owner: 'o', clock });
  const load = (bytes: Uint8Array | string) => {
    writeFileSync(place, bytes);
    return outcome(() => store.load());
  };

  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

  test('is read whole, or refused', () => {
    expect(load(JSON.stringify(good))).toEqual({ value: record });
    const files = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      changedText(JSON.stringify(good)),
      changedObject(good).map((value) => Buffer.from(asJson(value))),
      changedObject(record.intent!).map((intent) => Buffer.from(asJson({ ...good, intent }))),
    );
    fc.assert(
      fc.property(files, (bytes) => {
        const read = load(bytes);
        if ('error' in read) {
          expect(read.error).toMatchObject({ code: 'MINT_FAILED', class: 'fatal', reason: 'store_failed' });
          return;
        }
        // Taken for a record, so it is one, to the last member; and an exchange that may have been begun is not forgotten.
        const { revision, rotations, refreshToken, writer, seeds, intent } = read.value!;
        for (const count of [revision, rotations, revision + 1]) expect(isCount(count)).toBe(true);
        for (const text of [refreshToken, writer, ...seeds]) expect(typeof text).toBe('string');
        expect(Buffer.from(bytes).includes(refreshToken.length > 0 ? asJson(refreshToken).slice(1, -1) : '?')).toBe(
          true,
        );
        expect(read.value).toMatchObject(
          (JSON.parse(Buffer.from(bytes).toString()) as RefreshRecord).intent === undefined ? {} : { intent },
        );
        if (intent !== undefined) {
          expect(openIntent(read.value!)).toBe(intent);
          expect(isCount(intent.attempt) && isCount(intent.replays)).toBe(true);
        }
      }),
      parameters,
    );
  });

  test('one of which a byte is no text is refused: its token would be another', () => {
    const bytes = Buffer.from(JSON.stringify({ ...good, intent: undefined }));
    bytes[bytes.indexOf(HUSH) + 3] = 0xe9;
    expect(load(bytes)).toMatchObject({ error: { class: 'fatal' } });
  });

  test('a claim on its lock that is not whole is judged by its age', () => {
    const lockFile = `${place}.lock`;
    const claim = { pid: 2 ** 22 + 1, startTime: '1', machine: 'm', owner: 'another', nonce: 'n', hostAndPid: 'x' };
    const claims = fc.oneof(
      changedText(JSON.stringify(claim)),
      changedObject(claim).map((value) => Buffer.from(asJson(value))),
      fc.uint8Array({ maxLength: 100 }),
    );
    fc.assert(
      fc.property(claims, (bytes) => {
        writeFileSync(lockFile, bytes);
        const lock = new FileLock({ path: place, owner: 'own', clock, fs: machineFs });
        try {
          lock.acquire();
        } catch (error) {
          // It says who has it, in the words of whoever that is.
          expect(error).toMatchObject({ name: 'TokenvisorError', code: 'STORE_LOCKED' });
        }
        lock.release();
        rmSync(lockFile, { force: true });
      }),
      { ...parameters, numRuns: 100 },
    );
  });
});

test('a secret file is what it has in it, or it can not be read', () => {
  const place = path.join(directory, 'secret');
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), changedText(`${HUSH}é\n`));
  fc.assert(
    fc.property(bytes, (contents) => {
      writeFileSync(place, contents);
      const read = outcome(() => readSecret(file(place)));
      if ('error' in read) expect(read.error).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
      else {
        const rest = Buffer.from(contents).subarray(Buffer.byteLength(read.value));
        expect(Buffer.from(contents).indexOf(Buffer.from(read.value))).toBe(0);
        expect(rest.every((byte) => byte === 0x0a || byte === 0x0d)).toBe(true);
      }
    }),
    parameters,
  );
});

describe('rows of a ledger', () => {
  const record = {
    key: 't:jti-1',
    version: 3,
    state: 3,
    expiresAtMs: 2_000_000,
    subject: 'ann',
    data: { createdAtMs: 1, updatedAtMs: 2, expiresAtMs: 1_900_000, purpose: 'session', revokedAtMs: 2 },
  };

  test('whatever their data say, a record can be worked with, and what is revoked stays so', () => {
    const rows = fc.tuple(
      fc.constantFrom('t:jti-1', 's:ann', 'x:later', ''),
      fc.oneof(changedObject(record.data), fc.jsonValue()),
      fc.option(fc.constant('ann'), { nil: undefined }),
    );
    fc.assert(
      fc.property(rows, ([key, drawn, subject]) => {
        // As it would come out of a store.
        const text = asJson(drawn);
        const data: unknown = text === 'no JSON' || text === 'undefined' ? null : JSON.parse(text);
        const { subject: _, ...rest } = record;
        const row = toRow({ ...rest, ...(subject !== undefined && { subject }), key, data });
        if (row === undefined) {
          expect(['x:later', '']).toContain(key);
          return;
        }
        const instants = [row.createdAtMs, row.updatedAtMs, row.expiresAtMs];
        for (const atMs of instants) expect(typeof atMs === 'number' && !Number.isNaN(atMs)).toBe(true);
        if (row.kind === 'cutoff') {
          expect(row.cutoffS).toBe(record.state);
          return;
        }
        expect(Object.keys(row).filter((name) => !KNOWN.includes(name))).toEqual([]);
        expect([row.subject, row.stored]).toEqual([subject, true]);
        expect(Number.isFinite(row.revokedAtMs)).toBe(true);
        expect(['string', 'undefined']).toContain(typeof row.purpose);
        const asked = applyRequest(row, { kind: 'revoke', jti: 'jti-1', expiresAtMs: 2_500_000 }, 5);
        expect(asked.answer).toBe('already_revoked');
        const write = toWrite(asked.row!, undefined, 60_000);
        expect(() => JSON.stringify(write)).not.toThrow();
        expect(Number.isNaN(write.expiresAtMs)).toBe(false);
        expect(stateOf(asked.row!)).toBe(3);
      }),
      parameters,
    );
  });
  const KNOWN = [
    ...['kind', 'jti', 'subject', 'expiresAtMs', 'purpose', 'extraData', 'changes', 'stored'],
    ...['createdAtMs', 'updatedAtMs', 'revokedAtMs'],
  ];

  test('an expiry that is no number is never, and no state takes a revocation back', () => {
    fc.assert(
      fc.property(fc.double(), fc.nat(2 ** 32 - 1), fc.option(fc.nat(3)), (expiresAtMs, state, meta) => {
        const there = meta === null ? undefined : { meta, expiryS: 100 };
        const merged = mergeEntry(there, { key: 't:a', state, expiresAtMs }) ?? there!;
        expect(merged.expiryS).toBeGreaterThanOrEqual(there?.expiryS ?? 1);
        expect(merged.meta & (meta ?? 0)).toBe(meta ?? 0);
        if (Number.isNaN(expiresAtMs)) expect(merged.expiryS).toBe(2 ** 32 - 1);
      }),
      parameters,
    );
  });

  test('a record of LMDB is whole, or STORE_FAILED', () => {
    const good = { v: 3, s: 3, e: 2_000_000, u: 'ann', k: 'long', d: { purpose: HUSH } };
    expect(storedOf(JSON.stringify(good))).toEqual(good);
    const texts = fc.oneof(
      changedText(JSON.stringify(good)).map((bytes) => bytes.toString()),
      changedObject(good).map(asJson),
      fc.json(),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = outcome(() => storedOf(text));
        if ('error' in read) {
          expect(read.error.code).toBe('STORE_FAILED');
          return;
        }
        const { v, s, e, u, k, d } = read.value;
        expect(Number.isInteger(v) && v > 0 && Number.isInteger(s) && s >= 0 && s < 2 ** 32).toBe(true);
        expect(
          [typeof e, typeof u, typeof k].every((type, at) => ['undefined', at ? 'string' : 'number'].includes(type)),
        ).toBe(true);
        expect(d).not.toBe(undefined);
        expect(JSON.parse(text)).toMatchObject(read.value);
      }),
      parameters,
    );
  });

  test('a page of entries is read to its end, or STORE_FAILED', () => {
    const names = fc.array(
      fc.record({ key: fc.string({ minLength: 1, unit: 'grapheme' }), state: fc.nat(), expiresAtMs: fc.double() }),
      { maxLength: 5 },
    );
    const packed = (entries: readonly { key: string; state: number; expiresAtMs: number }[]): Buffer => {
      const page = new PackedPage();
      for (const { key, state, expiresAtMs } of entries) {
        const { id, whole = id } = storedName(key);
        const value = Buffer.alloc(12);
        value.writeUInt32BE(state, 0);
        value.writeDoubleBE(expiresAtMs, 4);
        page.add(whole, 0, whole.length, value);
      }
      return page.take();
    };
    fc.assert(
      fc.property(names, fc.nat(100), fc.uint8Array({ maxLength: 60 }), (entries, cut, random) => {
        const page = packed(entries);
        expect(unpacked(page)).toEqual(entries);
        const short = outcome(() => unpacked(page.subarray(0, Math.max(0, page.length - cut))));
        if ('error' in short) expect(short.error.code).toBe('STORE_FAILED');
        else expect(entries.slice(0, short.value.length)).toEqual(short.value);
        const other = outcome(() => unpacked(Buffer.from(random)));
        if ('error' in other) expect(other.error.code).toBe('STORE_FAILED');
        else {
          const read = other.value.reduce((sum, { key }) => sum + 20 + Buffer.byteLength(key), 0);
          // What is no UTF-8 has marks of three bytes in its place.
          expect(read).toBeGreaterThanOrEqual(random.length);
        }
      }),
      parameters,
    );
  });
});

describe('what a server says', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256', use: 'sig' };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ format: 'jwk' });

  test('a set of keys has those that are good, and no other', () => {
    expect(keysOfSet({ keys: [jwk, rsa] })).toHaveLength(2);
    const sets = fc.oneof(
      fc.anything(),
      fc.record({ keys: fc.oneof(strange, fc.array(fc.oneof(changedObject(jwk), changedObject(rsa), strange))) }),
    );
    fc.assert(
      fc.property(sets, (set) => {
        const keys = keysOfSet(set);
        if (keys === undefined) return;
        for (const { kid, algorithms, material } of keys) {
          expect(material).toMatch(/^-----BEGIN PUBLIC KEY-----/);
          expect(['string', 'undefined']).toContain(typeof kid);
          expect(algorithms.every((algorithm) => !algorithm.startsWith('HS'))).toBe(true);
        }
        const check = new KeySet(keys, { algorithms: ['ES256', 'RS256'] }).check('eyJhbGciOiJFUzI1NiJ9.e30.AA');
        expect(check).toEqual({ refused: expect.any(String) as string });
      }),
      parameters,
    );
  });

  test('claims are of their types, or there are none', () => {
    const good = { jti: 'a', sub: 'b', exp: 5, iat: 3 };
    fc.assert(
      fc.property(fc.oneof(changedObject(good), fc.anything()), (payload) => {
        const claims = claimsOf(payload);
        if (claims === undefined) return;
        expect(payload).toMatchObject(claims);
        expect(typeof claims.jti === 'string' && claims.jti !== '').toBe(true);
        for (const at of [claims.exp, claims.iat]) expect(at === undefined || (at >= 0 && at < Infinity)).toBe(true);
      }),
      parameters,
    );
  });

  const issuer = 'https://issuer.example';
  const rules = { issuer, allowInsecureHttp: false, hosts: undefined };
  const metadata = {
    issuer,
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    mtls_endpoint_aliases: { token_endpoint: `${issuer}/mtls` },
  };

  test('metadata are this issuer’s, and can be asked, or they are refused', async () => {
    const bodies = fc.oneof(
      changedObject(metadata).map(asJson),
      changedText(JSON.stringify(metadata)).map((bytes) => bytes.toString()),
      fc.json(),
      fc.string(),
    );
    const answers = fc.tuple(bodies, fc.constantFrom(200, 200, 200, 204, 404, 503));
    await fc.assert(
      fc.asyncProperty(answers, async ([body, status]) => {
        const json = (): unknown => {
          try {
            return JSON.parse(body) as unknown;
          } catch {
            throw malformedAnswer('no JSON');
          }
        };
        const ask = () => Promise.resolve({ status, headers: { 'content-type': 'application/json' }, body, json });
        try {
          const server = await discover(ask, rules, undefined, () => 0);
          expect(server.issuer).toBe(issuer);
          expect(() => checkedEndpoint(server.tokenEndpoint, 'token endpoint', rules)).not.toThrow();
          const { authMethods } = server;
          expect(authMethods === undefined || Array.isArray(authMethods)).toBe(true);
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          coded(error);
        }
      }),
      parameters,
    );
  });

  test('a date is one of the calendar, and a wait is a time from now', () => {
    const two = fc.nat(99).map((number) => String(number).padStart(2, '0'));
    const days = fc.constantFrom('Sun', 'Monday', 'xyz', '');
    const months = fc.constantFrom('Jan', 'Feb', 'Jun', 'dec', 'Foo', 'constructor');
    const years = fc.oneof(
      fc.nat(9_999).map((year) => String(year).padStart(4, '0')),
      two,
    );
    const hour = fc.nat(25).map((number) => String(number).padStart(2, '0'));
    const dates = fc
      .tuple(days, two, months, years, hour, two, two, fc.constantFrom(' ', '-'))
      .map(
        ([day, date, month, year, h, m, s, dash]) => `${day}, ${date}${dash}${month}${dash}${year} ${h}:${m}:${s} GMT`,
      );
    const asctime = fc
      .tuple(days, months, two, hour, two, two, years)
      .map(([day, month, date, h, m, s, year]) => `${day} ${month} ${date} ${h}:${m}:${s} ${year}`);
    const texts = fc.oneof(dates, asctime, fc.string(), fc.integer().map(String), fc.string({ unit: 'binary' }));
    const nowMs = Date.UTC(2026, 0, 1);
    fc.assert(
      fc.property(texts, texts, (text, date) => {
        const atMs = parseHttpDate(text, nowMs);
        if (atMs !== undefined) {
          // The same day, month, hour and minute as are written there; a leap second is the next one.
          const parts = new Date(atMs - (text.includes(':60 ') ? 1_000 : 0)).toUTCString().toLowerCase();
          const [, day = '', month = ''] = /(\d\d)[ -]([a-z]{3})/i.exec(text) ?? [];
          const asc = /^[a-z]{3} ([a-z]{3}) ([ \d]\d)/i.exec(text);
          const wanted = asc ? [asc[2]!.trim().padStart(2, '0'), asc[1]!] : [day, month];
          expect(parts).toContain(wanted.join(' ').toLowerCase());
          expect(parts).toContain(/\d\d:\d\d:/.exec(text)![0]);
        }
        const waitMs = parseRetryAfter(text, nowMs, date);
        expect(waitMs === undefined || (waitMs >= 0 && waitMs < Infinity)).toBe(true);
      }),
      { ...parameters, numRuns: 1_000 },
    );
  });
});

describe('what crosses between threads and processes', () => {
  test('an error comes out as one of ours, whatever went in', () => {
    const wire = { name: 'ProviderError', message: 'm', code: 'MINT_FAILED', child: 'a', failure: { class: 'fatal' } };
    const errors = fc.oneof(fc.anything(), changedObject(wire), changedObject({ ...wire, cause: wire, problems: [] }));
    fc.assert(
      fc.property(errors, (came) => {
        const error = fromWireError(came as never);
        expect(error).toBeInstanceOf(TokenvisorError);
        expect(typeof error.message).toBe('string');
        const again = toWireError(error);
        expect(structuredClone(again)).toEqual(again);
        structuredClone(toWireError(came));
      }),
      parameters,
    );
  });

  test('what is sealed may be anything, and a state is had of it', () => {
    fc.assert(
      fc.property(fc.anything(), (sealed) => {
        const kept: unknown[] = [];
        const state = new SealedState({ sealed: () => sealed, seal: (value: unknown) => kept.push(value) } as never);
        state.keep({ secrets: 'a digest' });
        expect(kept).toEqual([expect.objectContaining({ secrets: 'a digest' })]);
      }),
      parameters,
    );
  });

  test('a handle is one of ours, or LAYOUT_MISMATCH', () => {
    const memory = new SharedArrayBuffer(64);
    const handles = fc.oneof(
      fc.anything(),
      changedObject({ tokenvisor: 1, kind: 'credential', name: 'a', memory, table: { buffer: memory } }),
      changedObject({ tokenvisor: 1, kind: 'revocationLedger', name: 'a', memory, port: {}, cutoffs: true }),
    );
    fc.assert(
      fc.property(handles, (handle) => {
        expect(outcome(() => attach(handle as never))).toMatchObject({ error: { code: 'LAYOUT_MISMATCH' } });
      }),
      parameters,
    );
  });

  test('a message is what it has to be, or is none', () => {
    const messages = fc.oneof(
      fc.anything(),
      changedObject({ id: 1, operation: 'get', arguments: [] }),
      changedObject({ id: 1, ok: false, code: 'STORE_FAILED', message: 'm' }),
      changedObject({ kind: 'calls', name: 'a', incarnation: 1, calls: { port: {} } }),
      changedObject({ kind: 'event', type: 'a', details: {} }),
    );
    fc.assert(
      fc.property(messages, (message) => {
        const request = requestOf(message);
        expect(request === undefined || Array.isArray(request.arguments)).toBe(true);
        const reply = replyOf(message);
        expect(reply === undefined || reply.ok || typeof reply.message === 'string').toBe(true);
        expect(typeof isSupervisorMessage(message)).toBe('boolean');
      }),
      parameters,
    );
  });
});
