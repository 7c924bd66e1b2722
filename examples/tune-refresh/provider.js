// @ts-check
import { randomBytes } from 'node:crypto';
import { ProviderError } from 'tokenvisor/providers';

/**
 * Mints tokens of any life; the first attempts fail if configured.
 *
 * @typedef {{ lifeS?: number, failures?: number }} Options
 * @type {import('tokenvisor/providers').ProviderFunction<Options>}
 */
const mint = ({ options, attempt }) => {
  const { lifeS, failures = 0 } = options;
  if (attempt <= failures) throw ProviderError.transient('not yet');
  return { value: randomBytes(16).toString('hex'), ...(lifeS !== undefined && { expiresInS: lifeS }) };
};

export default mint;
