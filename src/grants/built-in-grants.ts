/** The built-in grants by the module that a spec names: those whose function `index.ts` exports. */
import { grantOf, type Grant } from './define-grant.js';
import * as exported from './index.js';

const GRANTS: ReadonlyMap<string, Grant> = new Map(
  Object.values(exported)
    .map((value) => grantOf(value))
    .filter((grant) => grant !== undefined)
    .map((grant) => [grant.module, grant]),
);

/** Undefined for a module that is not built in. */
export const builtInGrant = (module: string): Grant | undefined => GRANTS.get(module);
