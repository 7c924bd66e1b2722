// @ts-check
import { workerData } from 'piscina';
import { attach } from 'tokenvisor';

// Once per thread, not once per task: an attached credential caches the token that it has decoded.
const api = attach(workerData.api);

/** Reads the token for `ms` milliseconds, as fast as it can. @param {{ ms: number }} task */
export default ({ ms }) => {
  const generations = new Set();
  const endMs = performance.now() + ms;
  let reads = 0;
  for (; performance.now() < endMs; reads += 1) generations.add(api.current().generation);
  return { reads, generations: [...generations] };
};
