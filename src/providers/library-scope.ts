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
/** Node's, as they were, not loaded yet, while plain ones are there instead. */
let lazy: readonly (readonly [string, PropertyDescriptor])[] = [];

/** Those that somebody has loaded, or replaced, cost nothing more, and stay. */
const lazyGlobals = (): typeof lazy =>
  Object.keys(PLAIN).flatMap((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    return descriptor?.get && descriptor.configurable === true ? [[name, descriptor] as const] : [];
  });

const putPlain = (): void => {
  if (lazy.length > 0) return;
  lazy = lazyGlobals();
  for (const [name] of lazy) {
    Object.defineProperty(globalThis, name, { value: PLAIN[name], configurable: true, writable: true });
  }
};

const putBack = (): void => {
  for (const [name, descriptor] of lazy) {
    // What somebody has put there meanwhile is theirs.
    if (Object.getOwnPropertyDescriptor(globalThis, name)?.value !== PLAIN[name]) continue;
    Object.defineProperty(globalThis, name, descriptor);
  }
  lazy = [];
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
