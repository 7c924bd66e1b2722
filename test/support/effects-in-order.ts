/** What a shell relies on in the effects of one turn of the refresh loop. */
import type { RefreshEffect } from '../../src/kinds/credential/refresh/refresh-types.js';

/**
 * What is wrong with the order of effects, if anything is: a wake is the last effect, and in the future; what must be
 * durable is the first, before a request above all.
 */
export const disorderIn = (effects: readonly RefreshEffect[], nowMonoMs: number): string | undefined => {
  const kinds = effects.map(({ kind }) => kind);
  const last = effects.at(-1);
  if (last?.kind !== 'wake' || kinds.indexOf('wake') !== kinds.length - 1) {
    return `no wake at the end of ${kinds.join()}, and there alone`;
  }
  if (last.atMonoMs !== undefined && !(last.atMonoMs > nowMonoMs && last.atMonoMs < Infinity)) {
    return `a wake ${last.atMonoMs - nowMonoMs} ms from now`;
  }
  if (kinds.lastIndexOf('persist') > 0) return `something before it is durable: ${kinds.join()}`;
  return kinds.includes('mint') && kinds[0] !== 'persist' ? 'a request that is not durable' : undefined;
};
