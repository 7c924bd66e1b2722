/**
 * The build, for a vitest that was started by hand.
 */
import { setUp } from './setup.mjs';

export const setup = async () => {
  await setUp({ tolerant: true });
};
