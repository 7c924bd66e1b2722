/** A user's options as they can travel and be printed. */
import { isPlainObject } from '../../config/describe.js';
import { ownModule } from '../../own-files.js';
import { isUrl } from '../../realm.js';
import { literal } from '../secrets.js';

/** Members that are secrets, of a grant or of what lies in it: `key` is that of `tls`. */
const SECRETS = new Set(['clientSecret', 'refreshToken', 'key', 'privateKey', 'keyFile', 'subjectToken', 'actorToken']);
/** Members that are secrets if they are strings, and hold some if they are objects. */
const HOLDERS = new Set(['tls', 'clientAssertion', 'assertion']);

/** Literal secrets as references, so that a spec can be printed; URLs as strings, so that it can be cloned. */
export const wrapped = <T>(options: T): T => {
  if (!isPlainObject(options)) return options;
  const entries = Object.entries(options).map(([key, value]) => {
    const isText = typeof value === 'string' && value !== '';
    if (isText && (SECRETS.has(key) || HOLDERS.has(key))) return [key, literal(value)];
    if (HOLDERS.has(key)) return [key, wrapped(value)];
    return [key, isUrl(value) ? value.href : value];
  });
  return Object.fromEntries(entries) as T;
};

/** The name of a grant's code, which the actor loads. */
export const grantModule = (grant: string): string => ownModule(`providers/grants/${grant}.js`);
