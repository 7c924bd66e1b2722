import { credential } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { CLIENT } from './client.mjs';

/** @param {number} count @param {string} tokenEndpoint @param {boolean} [eager] */
export const manyCredentials = (count, tokenEndpoint, eager = true) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `credential-${index}`,
      credential({ eager, provider: clientCredentials({ tokenEndpoint, ...CLIENT }) }),
    ]),
  );
