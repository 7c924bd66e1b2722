/** The refresh token grant as data. */
import { absolute } from '../fs/file-path.js';
import { custom, object, oneOf, optional, optionsOf } from '../config/check.js';
import { describeValue, isPlainObject, propertyOf } from '../core/describe.js';
import { allowsInsecureHttp, checkGrant, grantShape, type GrantOptions } from '../oauth/request-options.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { secret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { defineGrant } from './define-grant.js';

/** A file that stores a refresh token; made by {@link fileStore}. */
export interface FileStoreSpec {
  /** Distinguishes it from other stores. */
  readonly kind: 'file';
  /** The absolute path. */
  readonly path: string;
  /** As in {@link FileStoreOptions}. */
  readonly allowSharedDirectory?: boolean;
}

/** Options of {@link fileStore}. */
export interface FileStoreOptions {
  /**
   * Allows a directory that others can write to: its owner if that is another user, a group that this process is not
   * in, or everybody; or a directory above which is writable in the same way. They can replace the token, or its lock.
   * @default false: the credential is parked
   */
  readonly allowSharedDirectory?: boolean;
}

/** Options of {@link refreshToken}. A public client gives neither a `clientSecret` nor a `clientAssertion`. */
export interface RefreshTokenOptions extends GrantOptions {
  /** The first refresh token. A later change of it means that a person has authorised again. */
  readonly refreshToken: SecretReference | string;
  /**
   * `single-use`: every exchange replaces it. `reusable`: it may be sent again.
   * @default 'single-use'
   */
  readonly rotation?: 'single-use' | 'reusable';
  /**
   * What to do if a single-use token may have been spent. `hold`: park until a person acts. `replayOnce`: send the same
   * token once more, for servers that allow it for a while.
   * @default 'hold'
   */
  readonly onAmbiguous?: 'hold' | 'replayOnce';
  /**
   * Where the current refresh token is stored. `'memory'`: lost with the process.
   * @default required for `single-use`; else `'memory'`
   */
  readonly store?: FileStoreSpec | 'memory';
}

const STORE_KEYS = ['kind', 'path', 'allowSharedDirectory'];

const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean';

const store = custom(
  "fileStore(path, { allowSharedDirectory? }) or 'memory'",
  (value): value is FileStoreSpec | 'memory' => {
    if (value === 'memory') return true;
    const path = propertyOf(value, 'path');
    if (propertyOf(value, 'kind') !== 'file' || typeof path !== 'string' || path === '') return false;
    const known = isPlainObject(value) && Object.keys(value).every((key) => STORE_KEYS.includes(key));
    return known && isFlag(value['allowSharedDirectory']);
  },
  describeValue,
);

/** @internal */
export const refreshTokenGrant = defineGrant({
  name: 'refresh-token',
  shape: (options) =>
    object(
      {
        ...grantShape(allowsInsecureHttp(options)),
        refreshToken: secret(),
        rotation: optional(oneOf('single-use', 'reusable'), 'single-use'),
        onAmbiguous: optional(oneOf('hold', 'replayOnce'), 'hold'),
        // Losing a single-use token costs a new authorisation, so where it is kept must be said.
        store: propertyOf(options, 'rotation') === 'reusable' ? optional(store, 'memory') : store,
      },
      checkGrant,
    ),
  // No fence reaches a file, so the next incarnation waits for the exit of the one before.
  fenceable: (options) => typeof propertyOf(options, 'store') !== 'object',
});

/**
 * Tokens by the refresh token grant (RFC 6749 §6).
 *
 * @function
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
export const refreshToken: (options: RefreshTokenOptions) => ProviderSpec<RefreshTokenOptions> =
  refreshTokenGrant.factory;

/**
 * Keeps a refresh token in a file of its own (mode 0600, replaced as a whole, locked against other processes), so that
 * it survives the process. The directory must be there, and writable by this user alone. A relative path counts from the working
 * directory of now.
 */
export const fileStore = (path: string | URL, options: FileStoreOptions = {}): FileStoreSpec => ({
  kind: 'file',
  path: absolute(path),
  ...optionsOf(options, 'options'),
});
