/** A provider without a server: tokens that say what they are, with a checksum. */
import { createHash } from 'node:crypto';
import { machineNowMs } from './ground.mjs';

/** @typedef {{ name: string, lifeMs: number, filler: number, failsOneIn: number }} OwnOptions */

/** @param {string} text */
export const checksumOf = (text) => createHash('sha256').update(text).digest('base64url');

/** What failed in here was meant to. */
export const OWN_FAILURE = 'chaos: no token this time';

/** @type {import('tokenvisor/providers').ProviderObject<OwnOptions>} */
export const provider = {
  open({ options }) {
    const { name, lifeMs, filler, failsOneIn } = options;
    return {
      async mint({ number }) {
        if (failsOneIn > 0 && number % failsOneIn === 0) throw new Error(OWN_FAILURE);
        const text = JSON.stringify({ client_id: name, minted_ms: machineNowMs(), life_ms: lifeMs, number });
        const claims = Buffer.from(text).toString('base64url');
        const filled = String(number % 10).repeat(filler);
        return {
          value: `${claims}.${checksumOf(claims + filled)}`,
          expiresInS: lifeMs / 1_000,
          fields: { filled },
        };
      },
    };
  },
};
