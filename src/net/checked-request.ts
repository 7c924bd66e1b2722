/**
 * Checks the request that a provider passes to `request()`. Problems are reported as the provider module's; a header's
 * value or a body is never quoted.
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

/** Properties other than those of a request (signing libraries add some) are ignored. @throws CONFIG_INVALID */
export const checkedRequest = (init: HttpRequest): HttpRequest => {
  const given = optionsOf(init, 'init');
  const members = Object.fromEntries(MEMBERS.map((name) => [name, given[name]]));
  return checked(shape, members, 'init') as HttpRequest;
};

/** @throws a fatal ProviderError */
export const parsedUrl = (url: unknown): URL => {
  if (isUrl(url)) return new URL(url.href);
  if (typeof url === 'string' && URL.canParse(url)) return new URL(url);
  throw ProviderError.fatal("The request's URL can't be parsed", { reason: 'connect_failed' });
};
