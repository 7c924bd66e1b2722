import { TokenvisorError } from './errors.js';

/** There is no child of that name, or not any more. */
export const childNotFound = (name: string): TokenvisorError =>
  new TokenvisorError(
    'NOT_FOUND',
    `there is no child '${name.slice(0, 64)}': see whichChildren() for those that there are`,
    {
      child: name,
    },
  );
