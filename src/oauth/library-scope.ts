/**
 * Where the OAuth library runs. It makes a `Headers` of each request and asks of each answer whether it is a `Response`,
 * and naming these two globals makes Node load its fetch: 3.4 MB, and more than ten milliseconds, in every credential's
 * thread, that has no use of it. So they are plain ones while the library runs, and Node's own again while it waits for
 * an answer: what runs in between are microtasks of the exchange, and nobody else's turn.
 */
import { PlainHeaders } from './plain-headers.js';
import { PlainResponse } from './plain-response.js';

const PLAIN: Readonly<Record<string, unknown>> = { Headers: PlainHeaders, Response: PlainResponse };

/** How many exchanges are in the library now; in a thread of ours it is one. */
let inside = 0;
/** True while the plain ones are there. */
let isPlain = false;
const covers = new WeakSet<() => unknown>();

type Lazy = Omit<PropertyDescriptor, 'get'> & { readonly get?: (this: unknown) => unknown };

/**
 * Puts an accessor in the place of a global that is not loaded yet: it has the plain class while the library runs. It stays,
 * because V8 keeps something of each definition of a global until a full collection. What somebody has loaded, or replaced,
 * costs nothing more, and is left alone.
 */
const cover = (name: string): void => {
  const lazy: Lazy | undefined = Object.getOwnPropertyDescriptor(globalThis, name);
  if (!lazy?.get || lazy.configurable !== true || covers.has(lazy.get)) return;
  const get = (): unknown => (isPlain ? PLAIN[name] : lazy.get?.call(globalThis));
  covers.add(get);
  const { enumerable = false } = lazy;
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable,
    get,
    set: (value: unknown) => {
      Object.defineProperty(globalThis, name, { value, configurable: true, enumerable, writable: true });
    },
  });
};

const putPlain = (): void => {
  if (isPlain) return;
  for (const name of Object.keys(PLAIN)) cover(name);
  isPlain = true;
};

const putBack = (): void => {
  isPlain = false;
};

const enter = (): void => {
  inside += 1;
  putPlain();
};

const leave = (): void => {
  inside -= 1;
  if (inside === 0) putBack();
};

/** Runs something of the library's. What it waits for must be an answer, by `outsideLibrary`, or no more than microtasks. */
export const inLibrary = async <T>(run: () => Promise<T>): Promise<T> => {
  enter();
  try {
    return await run();
  } finally {
    leave();
  }
};

/** Asks, and waits for the answer; the library's scope, if this is within it, is left meanwhile. */
export const outsideLibrary = async <T>(wait: () => Promise<T>): Promise<T> => {
  if (inside === 0) return wait();
  inside -= 1;
  // Who asks has Node's classes even if another exchange is in the library now.
  putBack();
  try {
    const answer = wait();
    if (inside > 0) putPlain();
    return await answer;
  } finally {
    enter();
  }
};
