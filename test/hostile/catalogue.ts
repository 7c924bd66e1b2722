/** Every fault by name, and what is promised of it. */
import { bodies } from './catalogue-bodies.js';
import { statuses } from './catalogue-statuses.js';
import { onTheWire } from './catalogue-wire.js';
import type { Entry } from './promises.js';

export { connections } from './catalogue-wire.js';
export type { Entry, Promised } from './promises.js';

/** Those that a server can show to one client while it is well to all others. */
export const catalogue: readonly Entry[] = [...statuses, ...bodies, ...onTheWire];
