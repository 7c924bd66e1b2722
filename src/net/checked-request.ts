/**
 * What a provider asks the HTTP door for. What is wrong with it is the module's, and told as such: a header's value, or a
 * body, is never quoted.
 */
import {
  anything,
  boolean,
  checked,
  custom,
  number,
  object,
  optional,
  optionsOf,
  record,
  string,
} from '../config/check.js';
import { describeKind } from '../core/describe.js';
import { isUrl } from '../core/realm.js';
import { ProviderError } from '../core/errors.js';
import type { HttpRequest } from './http-types.js';

const text = custom('a string', (value): value is string => typeof value === 'string', describeKind);

const shape = object({
  method: optional(string({ maxLength: 32 })),
  headers: optional(record(text)),
  body: optional(text),
  tls: optional(anything),
  allowInsecureHttp: optional(boolean()),
  timeoutMs: optional(number({ min: 0 })),
});

const MEMBERS = ['method', 'headers', 'body', 'tls', 'allowInsecureHttp', 'timeoutMs'] as const;

/** What else it has, a request that was signed as a whole for one, is not looked at. @throws CONFIG_INVALID */
export const checkedRequest = (init: HttpRequest): HttpRequest => {
  const given = optionsOf(init, 'init');
  const members = Object.fromEntries(MEMBERS.map((name) => [name, given[name]]));
  return checked(shape, members, 'init') as HttpRequest;
};

/** @throws a fatal ProviderError */
export const parsedUrl = (url: unknown): URL => {
  if (isUrl(url)) return new URL(url.href);
  if (typeof url === 'string' && URL.canParse(url)) return new URL(url);
  throw ProviderError.fatal('The URL to be asked can not be parsed', { reason: 'connect_failed' });
};
