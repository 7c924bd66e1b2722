/**
 * The few statistics that the figures need.
 */

/**
 * @param {readonly number[]} values at least one
 * @param {number} fraction 0.5 is the median; between two values, the line between them
 */
export const quantile = (values, fraction) => {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new RangeError('Expected at least one value, got none');
  return below + (above - below) * (at - Math.floor(at));
};

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5);

/** @param {readonly number[]} values */
export const summarize = (values) => ({
  median: median(values),
  p5: quantile(values, 0.05),
  p95: quantile(values, 0.95),
});
