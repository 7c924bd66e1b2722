/** Loads packages that only some stores need: when such a store is opened. */
import { createRequire } from 'node:module';
import { TokenvisorError } from '../../core/errors.js';

const require = createRequire(import.meta.url);

/** Requires the package. @throws START_FAILED with what to install */
export const requirePeer = (name: string, range: string, whatFor: string): unknown => {
  try {
    return require(name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isAbsent = code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`);
    const came = isAbsent ? 'it is not installed' : (message.split('\n')[0] ?? 'it does not load');
    const advice = isAbsent ? `: npm install '${name}@${range}'` : '';
    throw new TokenvisorError('START_FAILED', `${whatFor} needs the package '${name}': ${came}${advice}`, {
      cause: error,
    });
  }
};
