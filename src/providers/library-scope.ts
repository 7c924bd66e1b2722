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
/** Node's, as they were: not loaded yet. */
let lazy: readonly (readonly [string, PropertyDescriptor])[] = [];

/** Those that somebody has loaded, or replaced, cost nothing more, and stay. */
const lazyGlobals = (): typeof lazy =>
  Object.keys(PLAIN).flatMap((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    return descriptor?.get && descriptor.configurable === true ? [[name, descriptor] as const] : [];
  });

const enter = (): void => {
  inside += 1;
  if (inside > 1) return;
  lazy = lazyGlobals();
  for (const [name] of lazy) {
    Object.defineProperty(globalThis, name, { value: PLAIN[name], configurable: true, writable: true });
  }
};

const leave = (): void => {
  inside -= 1;
  if (inside > 0) return;
  for (const [name, descriptor] of lazy) Object.defineProperty(globalThis, name, descriptor);
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

/** Waits for an answer; the library's scope, if this is within it, is left meanwhile. */
export const outsideLibrary = async <T>(wait: () => Promise<T>): Promise<T> => {
  if (inside === 0) return wait();
  leave();
  try {
    return await wait();
  } finally {
    enter();
  }
};
