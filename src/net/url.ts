/** The check for URLs that tokens are requested from. */
import { isUrl } from '../core/realm.js';
import { custom, type Check } from '../config/check.js';
import { describeKind } from '../core/describe.js';

export interface UrlRules {
  /** Allows `http:` to hosts other than this machine. */
  readonly allowInsecureHttp?: boolean;
}

/**
 * A URL, as a string or a `URL`, returned as its `href`: https, or http to the machine itself, without credentials and
 * fragment. A problem never quotes it, because a wrong URL may contain credentials.
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
    // Some servers compare the issuer letter by letter: a string stays as written.
    return typeof value === 'string' ? value : (parsed?.href ?? '');
  };

/** True if requests to it are encrypted, stay on the machine, or are allowed in plain text. */
export const isSecureEnough = (target: URL, allowInsecureHttp: boolean): boolean => {
  if (target.protocol === 'https:') return true;
  return target.protocol === 'http:' && (allowInsecureHttp || isLoopbackHost(target.hostname));
};

/** True for `localhost`, `*.localhost`, `127.0.0.0/8` and `::1`: RFC 8252 §8.3, RFC 6761 §6.3. */
export const isLoopbackHost = (hostname: string): boolean => {
  const host = normaliseHost(hostname);
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
};

/** A host in canonical form for comparison: lower case, an IPv6 address without brackets, no trailing dot. */
export const normaliseHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

/** A host as a URL contains it: with its port, unless that is the scheme's default. */
export const host = (): Check<string> =>
  custom(
    'a host, as `login.example.com` or `login.example.com:8443`',
    (value): value is string => {
      return typeof value === 'string' && hostOf(value) !== undefined;
    },
    describeKind,
  );

/** `text` as a URL's host; undefined if it is not a host with or without a port. */
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
