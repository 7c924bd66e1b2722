/** More points than these tell no more, and each is compared with each. */
const POINTS = 300;

/**
 * Of the line through the points that is least moved by those that lie off it (Theil and Sen): per unit of x. There are
 * such points: when all actors have just died, a process is half as large.
 *
 * @param {readonly (readonly [number, number])[]} points
 */
export const slope = (points) => {
  const every = Math.ceil(points.length / POINTS);
  const some = points.filter((_, index) => index % every === 0);
  const slopes = some.flatMap(([x, y], index) =>
    some.slice(index + 1).flatMap(([x2, y2]) => (x2 > x ? [(y2 - y) / (x2 - x)] : [])),
  );
  return slopes.sort((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
};
