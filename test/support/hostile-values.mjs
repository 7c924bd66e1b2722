/**
 * What may come where a type checker does not look, and how its reception is judged: it works, or it is refused with a
 * coded error that says so. Plain JavaScript, because actors' threads use it too.
 */
import { inspect } from 'node:util';
import vm from 'node:vm';
import { MessageChannel } from 'node:worker_threads';

/** What a user may have put in the wrong place. No message may quote it. */
export const HUSH = 'hush-f00d5ec2e7f00d5ec2e7f00d5ec2e7f00d5ec2e7';

/** Thrown by the values themselves: a caller's own error, that is not ours to lose, nor to pass on as if it were ours. */
class Boom extends Error {
  /** @override */
  name = 'Boom';
}

/** @returns {never} */
const boom = () => {
  throw new Boom('the value itself threw');
};

/** Node that a promise was never looked at ends the process. @param {unknown} reason */
const rejecting = (reason) => {
  const promise = Promise.reject(reason);
  promise.catch(() => undefined);
  return promise;
};

const detached = () => {
  const buffer = new ArrayBuffer(64);
  const view = Buffer.from(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return view;
};

const revoked = (/** @type {object} */ target) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

/** Every operation on it throws. @param {object} target */
const allTraps = (target) =>
  new Proxy(target, Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, boom])));

const cyclic = () => {
  /** @type {Record<string, unknown>} */
  const value = { secret: HUSH };
  value['self'] = value;
  value['list'] = [value];
  return value;
};

const cyclicList = () => {
  /** @type {unknown[]} */
  const value = [];
  value.push(value);
  return value;
};

/** @param {() => IteratorResult<unknown>} next @param {() => unknown} [end] */
const iterable = (next, end) => ({ [Symbol.iterator]: () => ({ next, ...(end && { return: end }) }) });

const deep = () => {
  /** @type {unknown} */
  let value = HUSH;
  for (let depth = 0; depth < 20_000; depth += 1) value = { value };
  return value;
};

/** Each is made anew for each use: some can be used once. @type {Readonly<Record<string, () => unknown>>} */
export const HOSTILE = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  false: () => false,
  'minus zero': () => -0,
  one: () => 1,
  NaN: () => NaN,
  Infinity: () => Infinity,
  '-Infinity': () => -Infinity,
  '1e308': () => 1e308,
  '2^53': () => 2 ** 53,
  '2^31': () => 2 ** 31,
  '-1': () => -1,
  0.1: () => 0.1,
  bigint: () => 10n ** 400n,
  symbol: () => Symbol(HUSH),
  'empty string': () => '',
  'a secret': () => HUSH,
  'a huge string': () => HUSH.repeat(30_000),
  'a lone surrogate': () => '\uD800',
  'nul and line breaks': () => 'a\0b\r\nc\u2028d',
  __proto__: () => JSON.parse('"__proto__"'),
  constructor: () => 'constructor',
  toString: () => 'toString',
  'a path': () => '../../../etc/passwd',
  'a URL with a password': () => `https://user:${HUSH}@a.example/`,
  'a String object': () => new String(HUSH),
  'a Number object': () => new Number(1),
  'an empty object': () => ({}),
  'an object of no prototype': () => Object.assign(Object.create(null), { secret: HUSH }),
  'an own __proto__': () =>
    JSON.parse(`{"__proto__": {"polluted": "${HUSH}"}, "constructor": {"prototype": {"polluted": 1}}}`),
  'an empty list': () => [],
  'a list of anything': () => [HUSH, null, undefined, NaN, {}],
  'a list with holes': () => Array(3),
  'a list that says it is long': () => ({ length: 2 ** 32, 0: HUSH }),
  'a cycle': cyclic,
  'a cycle of lists': cyclicList,
  'something deep': deep,
  'something frozen': () => Object.freeze({ timeoutMs: 1, secret: HUSH }),
  'a getter that throws': () => ({
    get then() {
      return boom();
    },
    get name() {
      return boom();
    },
    get timeoutMs() {
      return boom();
    },
    get signal() {
      return boom();
    },
    get kind() {
      return boom();
    },
    get module() {
      return boom();
    },
    get subject() {
      return boom();
    },
    get jti() {
      return boom();
    },
    get token() {
      return boom();
    },
    get tokenvisor() {
      return boom();
    },
  }),
  'a text that throws': () => ({ toString: boom, valueOf: boom, toJSON: boom, [Symbol.toPrimitive]: boom }),
  'a tag that throws': () => ({
    get [Symbol.toStringTag]() {
      return boom();
    },
  }),
  'a class of an evil name': () => {
    const Evil = Object.defineProperty(function () {}, 'name', { get: boom });
    return Reflect.construct(Evil, []);
  },
  'an evil constructor': () =>
    Object.create({
      get constructor() {
        return boom();
      },
    }),
  'a proxy that throws': () => allTraps({}),
  'a list proxy that throws': () => allTraps([]),
  'a function proxy that throws': () => allTraps(() => undefined),
  'a proxy that has everything': () =>
    new Proxy({}, { get: (_target, key) => (key === 'then' ? undefined : HUSH), has: () => true }),
  'a revoked proxy': () => revoked({}),
  'a revoked list': () => revoked([]),
  'a revoked function': () => revoked(() => undefined),
  'an object of another realm': () => vm.runInNewContext('({ timeoutMs: 1, secret })', { secret: HUSH }),
  'a list of another realm': () => vm.runInNewContext('[secret, null]', { secret: HUSH }),
  'an error of another realm': () => vm.runInNewContext('new TypeError(secret)', { secret: HUSH }),
  'a function': () => () => HUSH,
  'a function that throws': () => boom,
  'a class': () => Map,
  'a date that is none': () => new Date(NaN),
  'a regular expression': () => /(a+)+$/,
  'a map': () => new Map([[HUSH, HUSH]]),
  'a weak map': () => new WeakMap(),
  'an error': () => new Error(HUSH),
  'a URL': () => new URL('https://a.example/'),
  'a URL that lies': () => Object.create(URL.prototype),
  'a signal that lies': () => Object.create(AbortSignal.prototype),
  'an aborted signal': () => AbortSignal.abort(new Boom(HUSH)),
  'a tag that lies': () => ({ [Symbol.toStringTag]: 'AbortSignal', aborted: false, addEventListener: boom }),
  'a buffer on detached memory': detached,
  bytes: () => new Uint8Array([0xff, 0xfe, 0xc0]),
  'no shared memory': () => new SharedArrayBuffer(0),
  'shared memory of an odd size': () => new SharedArrayBuffer(13),
  'shared memory': () => new SharedArrayBuffer(1 << 16),
  'shared memory that grows': () => new SharedArrayBuffer(64, { maxByteLength: 4_096 }),
  'a port that is closed': () => {
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
    return port1;
  },
  'a thenable that throws': () => ({ then: boom }),
  'a thenable that rejects': () => ({
    then: (/** @type {unknown} */ _ok, /** @type {(e: unknown) => void} */ no) => no(new Boom(HUSH)),
  }),
  'a promise that rejects': () => rejecting(new Boom(HUSH)),
  'a promise that rejects with nothing': () => rejecting(undefined),
  'an iterable of evil': () => iterable(() => boom()),
  'an iterable that fails at its end': () => iterable(() => ({ done: true, value: undefined }), boom),
  'an iterable of no iterator': () => ({ [Symbol.iterator]: () => 1 }),
  'an iterable that is no function': () => ({ [Symbol.iterator]: 1 }),
  'an async iterable of evil': () => ({ [Symbol.asyncIterator]: () => ({ next: () => rejecting(new Boom(HUSH)) }) }),
  'an iterable of everything': () => {
    const values = Object.entries(HOSTILE).map(([what, make]) =>
      what === 'an iterable of everything' ? what : make(),
    );
    return iterable(() => ({ done: values.length === 0, value: values.pop() }));
  },
  'a generator that throws': () =>
    (function* () {
      yield HUSH;
      boom();
    })(),
  globalThis: () => globalThis,
};

/** No wait for the outcome of one is longer. */
const BOUND_MS = 15_000;

/** @param {unknown} value @returns {value is PromiseLike<unknown>} */
const isThenable = (value) => value instanceof Promise;

/** The longest message that helps anybody. */
const MAX_MESSAGE = 4_000;

/**
 * What is wrong with an error, if it is to be one of ours; undefined if nothing.
 *
 * @param {unknown} error @param {ReadonlySet<string>} codes @param {string} what the value that it was given
 */
const faultOf = (error, codes, what = '') => {
  if (error === null || typeof error !== 'object') return `threw ${inspect(error)}`;
  const { name, code, message, stack } = /** @type {Error & { code?: unknown }} */ (error);
  // What a caller's own iterable throws is the caller's, and what its stand-in for a signal does.
  if (error instanceof Boom && /iterable|generator|a tag that lies/.test(what)) return undefined;
  if (name !== 'TokenvisorError' && name !== 'ProviderError')
    return `threw ${String(stack).split('\n').slice(0, 6).join('\n')}`;
  if (typeof code !== 'string' || !codes.has(code)) return `threw the code ${String(code)}: ${message}`;
  if (code === 'INTERNAL') return `threw INTERNAL: ${message}`;
  if (message.length > MAX_MESSAGE) return `threw a message of ${message.length} characters: ${message.slice(0, 100)}…`;
  // A name is told, as far as it is one.
  if (
    message.includes(HUSH) &&
    code !== 'NOT_FOUND' &&
    !/^Expected `[^`]*` to be (?:a name|the result of credential)/.test(message)
  )
    return `quoted a secret: ${message.slice(0, 300)}`;
  if (message.trim() === '') return `threw ${code} without a message`;
  return undefined;
};

/**
 * Runs it, and waits for what it promises. What is wrong with how that ended; undefined if nothing.
 *
 * @param {() => unknown} run @param {ReadonlySet<string>} codes @param {string} [what] the value that it is given
 * @returns {Promise<string | undefined>}
 */
export const faultIn = async (run, codes, what) => {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    const result = run();
    if (!isThenable(result)) return undefined;
    const bound = new Promise((resolve) => (timer = setTimeout(() => resolve(boundReached), BOUND_MS)));
    if ((await Promise.race([result, bound])) === boundReached) return `was not done after ${BOUND_MS} ms`;
    return undefined;
  } catch (error) {
    return faultOf(error, codes, what);
  } finally {
    clearTimeout(timer);
  }
};
const boundReached = Symbol('bound reached');
