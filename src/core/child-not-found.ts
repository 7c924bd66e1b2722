import { TokenvisorError } from './errors.js';

/** The error for a child name that does not exist, or no longer does. */
export const childNotFound = (name: string): TokenvisorError =>
  new TokenvisorError(
    'NOT_FOUND',
    `there is no child '${name.slice(0, 64)}': see whichChildren() for those that there are`,
    {
      child: name,
    },
  );
