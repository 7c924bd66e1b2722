import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { asFetch } from '../../../src/oauth/as-fetch.js';
import { inLibrary, outsideLibrary } from '../../../src/oauth/library-scope.js';
import { PlainHeaders } from '../../../src/oauth/plain-headers.js';
import { PlainResponse } from '../../../src/oauth/plain-response.js';

const native = { Headers, Response };

/** As a thread has them that has not named them yet. */
const makeLazy = (): { readonly loaded: () => boolean } => {
  let loaded = false;
  for (const name of ['Headers', 'Response'] as const) {
    Object.defineProperty(globalThis, name, { configurable: true, get: () => ((loaded = true), native[name]) });
  }
  return { loaded: () => loaded };
};

afterEach(() => {
  for (const name of ['Headers', 'Response'] as const) {
    Object.defineProperty(globalThis, name, { configurable: true, writable: true, value: native[name] });
  }
});

describe('the scope of the library', () => {
  it('has plain classes, and loads nothing', async () => {
    const { loaded } = makeLazy();
    await inLibrary(async () => {
      expect([Headers, Response]).toEqual([PlainHeaders, PlainResponse]);
      await Promise.resolve();
      expect(Headers).toBe(PlainHeaders);
    });
    expect(loaded()).toBe(false);
    expect([Headers, Response]).toEqual([native.Headers, native.Response]);
  });

  it('is left while an answer is waited for, and when it fails', async () => {
    makeLazy();
    const seen: unknown[] = [];
    const failing = inLibrary(async () => {
      await outsideLibrary(() => Promise.reject(new Error((seen.push(Response), 'no answer')))).catch(() => undefined);
      seen.push(Response);
      throw new Error('told to');
    });
    await expect(failing).rejects.toThrow('told to');
    expect([...seen, Response]).toEqual([native.Response, PlainResponse, native.Response]);
  });

  it('is of several exchanges at once', async () => {
    makeLazy();
    const answers: (() => void)[] = [];
    const answer = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    const seen: unknown[] = [];
    const exchange = (): Promise<void> =>
      inLibrary(async () => {
        await outsideLibrary(answer);
        seen.push(Headers);
      });
    const exchanges = [exchange(), exchange()];
    expect(Headers).toBe(native.Headers);
    for (const resolve of answers) resolve();
    await Promise.all(exchanges);
    expect(seen).toEqual([PlainHeaders, PlainHeaders]);
    expect(Headers).toBe(native.Headers);
  });

  it('is not seen by who asks for an answer while another exchange is in it', async () => {
    makeLazy();
    const seen: unknown[] = [];
    const fails = (): Promise<never> => {
      seen.push(Headers);
      throw new Error('at once');
    };
    const asks = inLibrary(async () => {
      await Promise.resolve();
      await outsideLibrary(async () => void seen.push(Response));
      await outsideLibrary(fails).catch(() => undefined);
      seen.push(Response);
    });
    const another = inLibrary(async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await Promise.resolve();
        expect([Headers, Response]).toEqual([PlainHeaders, PlainResponse]);
      }
    });
    await Promise.all([asks, another]);
    expect(seen).toEqual([native.Response, native.Headers, PlainResponse]);
    expect([Headers, Response]).toEqual([native.Headers, native.Response]);
  });

  it('keeps what somebody puts there meanwhile', async () => {
    makeLazy();
    const somebodys = class extends native.Response {};
    await inLibrary(() => {
      globalThis.Response = somebodys;
      return Promise.resolve();
    });
    expect([Headers, Response]).toEqual([native.Headers, somebodys]);
  });

  it('leaves alone what somebody has loaded, or put there', async () => {
    const somebodys = class extends native.Response {};
    Object.defineProperty(globalThis, 'Response', { configurable: true, writable: true, value: somebodys });
    await inLibrary(() => Promise.resolve(expect([Headers, Response]).toEqual([native.Headers, somebodys])));
    expect(Response).toBe(somebodys);
  });

  it.each([true, false])("is answered with its own Response; somebody's, that has no name: %s", async (replaced) => {
    makeLazy();
    // Of a polyfill, which the library knows its answers by alone.
    const Nameless = class {
      readonly given: unknown[];
      constructor(...given: unknown[]) {
        this.given = given;
      }
    };
    if (replaced) Object.defineProperty(globalThis, 'Response', { configurable: true, value: Nameless });
    const ask = asFetch(() => Promise.resolve({ status: 200, headers: {}, body: '{}', json: () => ({}) }));
    const answer: unknown = await inLibrary(() => ask('https://as.example', { method: 'GET', headers: {} }));
    expect(answer).toBeInstanceOf(replaced ? Nameless : PlainResponse);
  });

  it('is not entered by an answer that nobody in it waits for', async () => {
    makeLazy();
    await outsideLibrary(() => Promise.resolve());
    expect(Headers).toBe(native.Headers);
    await inLibrary(() => Promise.resolve(expect(Headers).toBe(PlainHeaders)));
  });
});

const name = fc.constantFrom('Accept', 'accept', 'Content-Type', 'x-one', 'Set-Cookie');
const value = fc.stringMatching(/^[ -~]{0,8}$/);
const step = fc.oneof(
  fc.tuple(fc.constantFrom('append', 'set'), name, value),
  fc.tuple(fc.constantFrom('delete', 'get', 'has'), name),
);

describe('plain headers', () => {
  it("do as Node's do, but that cookies are not told one by one", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.array(step), (pairs, steps) => {
        const [plain, theirs] = [new PlainHeaders(pairs), new Headers(pairs)];
        const told = (headers: { forEach: Headers['forEach'] }): string[] => {
          const all: string[] = [];
          headers.forEach((value, name) => name !== 'set-cookie' && all.push(`${name}: ${value}`));
          return all;
        };
        for (const [method, ...given] of steps) {
          const run = (headers: object): unknown => {
            const does: unknown = Reflect.get(headers, method);
            return (does as (...given: string[]) => unknown).apply(headers, given);
          };
          expect(run(plain)).toEqual(run(theirs));
        }
        expect(told(plain as unknown as Headers)).toEqual(told(theirs));
        expect(plain.getSetCookie()).toEqual(theirs.getSetCookie());
        const others = [...theirs].filter(([name]) => name !== 'set-cookie');
        expect([...plain].filter(([name]) => name !== 'set-cookie')).toEqual(others);
        expect([...plain.keys()]).toEqual([...new Set(theirs.keys())]);
        expect([...plain.values()]).toHaveLength([...plain].length);
      }),
    );
  });

  it("take the space that is HTTP's off a value, and no other, and make strings of what is none", () => {
    const given = { a: '\t\u00a0x\u00a0 \r\n', b: 7 as unknown as string };
    expect([...new PlainHeaders(given)]).toEqual([...new Headers(given)]);
  });

  it('are made of a record, or of others', () => {
    const plain = new PlainHeaders({ Accept: ' a ' });
    expect(Object.fromEntries(new PlainHeaders(plain))).toEqual({ accept: 'a' });
    expect(Object.prototype.toString.call(plain)).toBe('[object Headers]');
  });
});

describe('a plain response', () => {
  const TEXT = '{"a":1}';
  const init = { status: 201, headers: { 'Content-Type': 'application/json' } };

  it("says of itself what Node's says", () => {
    const members = ['status', 'ok', 'statusText', 'type', 'url', 'redirected', 'bodyUsed'] as const;
    const [plain, theirs] = [new PlainResponse(TEXT, init), new Response(TEXT, init)];
    expect(members.map((member) => plain[member])).toEqual(members.map((member) => theirs[member]));
    expect(plain.headers.get('content-type')).toBe('application/json');
    expect(Object.prototype.toString.call(plain)).toBe(Object.prototype.toString.call(theirs));
    expect(new PlainResponse('', { status: 404 }).ok).toBe(false);
  });

  it('is read once, in any way', async () => {
    const plain = new PlainResponse(TEXT, init);
    const copy = plain.clone();
    expect(await plain.json()).toEqual({ a: 1 });
    expect(plain.bodyUsed).toBe(true);
    await expect(plain.text()).rejects.toThrow(TypeError);
    expect(() => plain.clone()).toThrow(TypeError);
    expect([await copy.text(), copy.status, copy.headers.get('content-type')]).toEqual([TEXT, 201, 'application/json']);
    expect(await (await new PlainResponse(TEXT).blob()).text()).toBe(TEXT);
    expect(Buffer.from(await new PlainResponse(TEXT).arrayBuffer()).toString()).toBe(TEXT);
    expect(await new Response(new PlainResponse(TEXT).body).text()).toBe(TEXT);
    expect(new PlainResponse(null, { status: 204 }).body).toBeNull();
  });

  it("is read while the library runs without Node's", async () => {
    const { loaded } = makeLazy();
    const read = await inLibrary(async () => {
      await new PlainResponse(TEXT).body?.cancel();
      const reader = new PlainResponse(TEXT).body!.getReader();
      const { value } = await reader.read();
      return [
        Buffer.from(value!).toString(),
        (await reader.read()).done,
        Buffer.from(await new PlainResponse(TEXT).arrayBuffer()).toString(),
        await (await new PlainResponse(TEXT).blob()).text(),
      ];
    });
    expect(read).toEqual([TEXT, true, TEXT, TEXT]);
    expect(loaded()).toBe(false);
  });

  it.each(['', '\ufeff{"a":1}', '{"a":"\ud800"}', 'no JSON', '[]'])("reads %j as Node's does", async (text) => {
    const both = [new PlainResponse(text), new Response(text)] as const;
    const [plain, theirs] = await Promise.all(both.map((one) => one.text()));
    expect(plain).toBe(theirs);
    const again = [new PlainResponse(text), new Response(text)] as const;
    const [json, theirJson] = await Promise.allSettled(again.map((one) => one.json()));
    expect(json!.status).toBe(theirJson!.status);
    if (json!.status === 'fulfilled') expect(json).toEqual(theirJson);
  });
});
