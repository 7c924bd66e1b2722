/** The check for URLs that are asked for tokens. */
import { isUrl } from '../core/realm.js';
import { custom, type Check } from '../config/check.js';
import { describeKind } from '../core/describe.js';

export interface UrlRules {
  /** Lets `http:` through for hosts that are not this machine. */
  readonly allowInsecureHttp?: boolean;
}

/**
 * A URL, as a string or a `URL`, that gives its `href`: https, or http to the machine itself, with no user or password
 * in it and no fragment. It is never quoted in a problem, because a wrong one may carry credentials.
 */
export const url =
  (rules: UrlRules = {}): Check<string> =>
  (value, path, report) => {
    const parsed = parse(value);
    if (parsed === undefined) {
      report(path, 'a URL (https://…)', describeKind(value));
    } else if (parsed.username !== '' || parsed.password !== '') {
      report(path, 'a URL without credentials', 'a URL with a user or a password in it');
    } else if (parsed.hash !== '') {
      report(path, 'a URL without a fragment', 'a URL with a fragment');
    } else if (!isSecureEnough(parsed, rules.allowInsecureHttp === true)) {
      report(
        path,
        'an https URL (or http to localhost; see `allowInsecureHttp`)',
        `a URL that begins with ${parsed.protocol}//`,
      );
    }
    // The issuer is compared letter by letter by some servers: a string stays as it was written.
    return typeof value === 'string' ? value : (parsed?.href ?? '');
  };

/** True if a request there is encrypted, or does not leave the machine, or may go in clear. */
export const isSecureEnough = (target: URL, allowInsecureHttp: boolean): boolean => {
  if (target.protocol === 'https:') return true;
  return target.protocol === 'http:' && (allowInsecureHttp || isLoopbackHost(target.hostname));
};

/** True for `localhost`, what ends in `.localhost`, `127.0.0.0/8` and `::1`: RFC 8252 §8.3, RFC 6761 §6.3. */
export const isLoopbackHost = (hostname: string): boolean => {
  const host = normaliseHost(hostname);
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
};

/** A host in the one form that is compared: lower case, an IPv6 address without brackets, no dot at the end. */
export const normaliseHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

/** A host as a URL has it: with its port, unless that is the scheme's own. */
export const host = (): Check<string> =>
  custom(
    'a host, as `login.example.com` or `login.example.com:8443`',
    (value): value is string => {
      return typeof value === 'string' && hostOf(value) !== undefined;
    },
    describeKind,
  );

/** `text` in the form in which a URL has it; undefined if it is no host, with or without a port. */
export const hostOf = (text: string): string | undefined => {
  if (!URL.canParse(`https://${text}`)) return undefined;
  const { href, host: found } = new URL(`https://${text}`);
  return href === `https://${found}/` && !/[/?#@*\\]/.test(text) ? found : undefined;
};

const parse = (value: unknown): URL | undefined => {
  if (isUrl(value)) return value;
  if (typeof value !== 'string') return undefined;
  return URL.canParse(value) ? new URL(value) : undefined;
};
