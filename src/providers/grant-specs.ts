/**
 * The built-in grants as data: what users call, and the checks of their options. The code that carries them out is in
 * grants/ and is loaded by the actor alone.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, custom, object, oneOf, optional, type CheckResult } from '../config/check.js';
import { describeValue, isPlainObject } from '../config/describe.js';
import {
  allowsInsecureHttp,
  checkEndpoints,
  grantShape,
  secret,
  type CheckedGrantOptions,
  type GrantOptions,
} from './grant-options.js';
import type { ProviderSpec } from './provider.js';
import { literal, type SecretReference } from './secrets.js';

/** Options of {@link clientCredentials}. */
export interface ClientCredentialsOptions extends GrantOptions {
  readonly clientSecret: SecretReference | string;
}

/** A file that keeps a refresh token; made by {@link fileStore}. */
export interface FileStoreSpec {
  readonly kind: 'file';
  readonly path: string;
}

/** Options of {@link refreshToken}. */
export interface RefreshTokenOptions extends GrantOptions {
  /** None for a public client. */
  readonly clientSecret?: SecretReference | string;
  /** The first refresh token. A later change of it means that somebody has authorised anew. */
  readonly refreshToken: SecretReference | string;
  /** `single-use` (default): every exchange replaces it. `reusable`: it may be sent again. */
  readonly rotation?: 'single-use' | 'reusable';
  /**
   * What to do if it is not known whether a single-use token was spent. `hold` (default): park until somebody acts.
   * `replayOnce`: send the same token once more, for servers that allow it for a while.
   */
  readonly onAmbiguous?: 'hold' | 'replayOnce';
  /** Where the current refresh token is kept; required for `single-use`. `'memory'`: lost with the process. */
  readonly store?: FileStoreSpec | 'memory';
}

export interface CheckedRefreshTokenOptions extends CheckedGrantOptions {
  readonly clientSecret?: SecretReference | string;
  readonly refreshToken: SecretReference | string;
  readonly rotation: 'single-use' | 'reusable';
  readonly onAmbiguous: 'hold' | 'replayOnce';
  readonly store: FileStoreSpec | 'memory';
}

/**
 * Tokens by the client credentials grant (RFC 6749 §4.4).
 *
 * @example
 * credential({ provider: clientCredentials({ issuer, clientId: 'reports', clientSecret: env('REPORTS_SECRET') }) });
 */
export const clientCredentials = (options: ClientCredentialsOptions): ProviderSpec<ClientCredentialsOptions> => ({
  module: moduleOf('client-credentials'),
  export: 'provider',
  options: wrapped(options),
  fenceable: true,
});

/**
 * Tokens by the refresh token grant (RFC 6749 §6).
 *
 * @example
 * credential({
 *   provider: refreshToken({
 *     issuer,
 *     clientId: 'mail',
 *     refreshToken: file('/run/secrets/mail-refresh-token'),
 *     store: fileStore('/var/lib/app/mail-refresh-token.json'),
 *   }),
 * });
 */
export const refreshToken = (options: RefreshTokenOptions): ProviderSpec<RefreshTokenOptions> => {
  // No fence reaches a file, so the next incarnation waits for the exit of the one before.
  const fenceable = typeof (options as Partial<RefreshTokenOptions> | undefined)?.store !== 'object';
  return { module: moduleOf('refresh-token'), export: 'provider', options: wrapped(options), fenceable };
};

/**
 * Keeps a refresh token in a file of its own (mode 0600, replaced as a whole, locked against other processes), so that
 * it survives the process. The directory must be there. A relative path counts from the working directory of now.
 */
export const fileStore = (path: string | URL): FileStoreSpec => ({
  kind: 'file',
  path: path instanceof URL ? fileURLToPath(path) : typeof path !== 'string' || path === '' ? path : resolve(path),
});

/** Checks the options of the client credentials grant. */
export const checkClientCredentials = (
  options: unknown,
  path: string,
): CheckResult<CheckedGrantOptions & { readonly clientSecret: SecretReference | string }> => {
  const shape = { ...grantShape(allowsInsecureHttp(options)), clientSecret: secret() };
  return check(object(shape, checkEndpoints), options, path);
};

/** Checks the options of the refresh token grant. */
export const checkRefreshToken = (options: unknown, path: string): CheckResult<CheckedRefreshTokenOptions> => {
  const shape = {
    ...grantShape(allowsInsecureHttp(options)),
    clientSecret: optional(secret()),
    refreshToken: secret(),
    rotation: optional(oneOf('single-use', 'reusable'), 'single-use'),
    onAmbiguous: optional(oneOf('hold', 'replayOnce'), 'hold'),
    // Losing a single-use token costs a new authorisation, so where it is kept must be said.
    store: (options as RefreshTokenOptions | null)?.rotation === 'reusable' ? optional(store, 'memory') : store,
  };
  const also: typeof checkEndpoints = (value, at, report) => {
    checkEndpoints(value, at, report);
    // Most often a variable that is not set: no client becomes a public one by accident.
    if ('clientSecret' in value && value.clientSecret === undefined) {
      report(`${at}.clientSecret`, 'a secret (or not there at all, for a public client)', 'nothing');
    }
  };
  return check(object(shape, also), options, path);
};

/**
 * The problems of a spec's options, for the starting thread; none for providers that are not built in, which check
 * their own when they are opened.
 */
export const checkProviderSpec = ({ module, options }: ProviderSpec, path: string): CheckResult<unknown> => {
  if (module === moduleOf('client-credentials')) return checkClientCredentials(options, path);
  if (module === moduleOf('refresh-token')) return checkRefreshToken(options, path);
  return { value: options, problems: [] };
};

const store = custom(
  "fileStore(path) or 'memory'",
  (value): value is FileStoreSpec | 'memory' => {
    if (value === 'memory') return true;
    const { kind, path } = (value ?? {}) as Partial<FileStoreSpec>;
    return kind === 'file' && typeof path === 'string' && path !== '';
  },
  describeValue,
);

/** Literal secrets as references, so that a spec can be printed; URLs as strings, so that it can be cloned. */
const wrapped = <T>(options: T): T => {
  if (!isPlainObject(options)) return options;
  const entries = Object.entries(options).map(([key, value]) => {
    if (SECRET_KEYS.has(key) && typeof value === 'string' && value !== '') return [key, literal(value)];
    if (key === 'tls') return [key, wrapped(value)];
    return [key, value instanceof URL ? value.href : value];
  });
  return Object.fromEntries(entries) as T;
};

/** `key` is that of `tls`. */
const SECRET_KEYS = new Set(['clientSecret', 'refreshToken', 'key']);

const moduleOf = (grant: string): string => new URL(`./grants/${grant}.js`, import.meta.url).href;
