// @ts-check
/**
 * A provider around another one that fails on demand: a word of shared memory says how. So
 * each of the demo's actors dies by an error in its own thread, at any moment, as by a bug.
 */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

const OURS = 'tokenvisor:';

/** A `file:` URL; or, for a built-in grant, the path from the folder of the package's own files. @param {string} module */
const fileOf = (module) => {
  const ours = pathToFileURL(require.resolve('tokenvisor'));
  return fileURLToPath(module.startsWith(OURS) ? new URL(module.slice(OURS.length), ours) : module);
};

/** By what is in the word. */
export const CRASHES = /** @type {const} */ (['', 'throw', 'exit', 'loop']);

const crash = {
  throw: () => {
    throw new Error('thrown in a timer, on purpose');
  },
  exit: () => process.exit(7),
  loop: () => {
    for (;;);
  },
};

/**
 * @typedef {object} CrashableOptions
 * @property {import('tokenvisor/providers').ProviderSpec} provider
 * @property {SharedArrayBuffer} crashWord
 */

/** @type {import('tokenvisor/providers').ProviderObject<CrashableOptions>} */
const crashable = {
  open(context) {
    const { provider, crashWord } = context.options;
    // Loaded as the actor loads a provider: with no need of libuv's pool.
    const inner = require(fileOf(provider.module))[provider.export];
    /** @type {import('tokenvisor/providers').ProviderSession} */
    const session = inner.open({ ...context, options: provider.options });
    const word = new Int32Array(crashWord);
    let minting = 0;
    const timer = setInterval(() => {
      // The demo spares an exchange that can't be repeated.
      if (session.singleUse && minting > 0) return;
      const kind = CRASHES[Atomics.exchange(word, 0, 0)];
      if (kind) crash[kind]();
    }, 10);
    return {
      ...(session.singleUse !== undefined && { singleUse: session.singleUse }),
      preflight: () => session.preflight?.(),
      mint: async (attempt) => {
        minting += 1;
        try {
          return await session.mint(attempt);
        } finally {
          minting -= 1;
        }
      },
      close: () => {
        clearInterval(timer);
        session.close?.();
      },
    };
  },
};

export default crashable;
