/**
 * What a read is measured against: the least that any reader of a shared, expiring token must do. Used by the main
 * thread and by the reader thread, so that both measure the same code.
 */

/**
 * @param {import('tokenvisor').CredentialReader} reader
 * @returns {{ floor: (count: number) => number, current: (count: number) => number }}
 */
export const createReadCases = (reader) => {
  const { expiresAtMs, authorization } = reader.current();
  const words = new Int32Array(new SharedArrayBuffer(4));
  Atomics.store(words, 0, 7);
  const cached = { control: 7, usableUntilMs: expiresAtMs, authorization };

  // Both return the sum of the lengths of what they read: the work can't be left out, and costs the same in each.
  return {
    floor: (count) => {
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        if (Atomics.load(words, 0) === cached.control && Date.now() < cached.usableUntilMs) {
          sum += cached.authorization.length;
        }
      }
      return sum;
    },
    current: (count) => {
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += reader.current().authorization.length;
      return sum;
    },
  };
};
