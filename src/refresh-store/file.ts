/**
 * A refresh token's record in a file of its own: readable by its owner only, replaced as a whole, and locked.
 *
 * A replacement is a temporary file beside it, fsync, rename, fsync of the directory: after a crash at any point the
 * file is the old one or the new one. All of it blocks this thread, for some milliseconds on a disk.
 */
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../core/clock.js';
import { ProviderError, TokenvisorError, type FailureClass } from '../core/errors.js';
import { FileLock } from '../fs/file-lock.js';
import type { ProcessIdentity } from '../fs/process-identity.js';
import { whyUnreadable } from '../fs/regular-file.js';
import { parseRecord, type RefreshRecord } from './record.js';
import { errorCode, machineFs, readIfThere, removeIfThere, type StoreFs } from '../fs/files.js';

/** Where a refresh token is kept when memory is not enough. */
export interface RefreshTokenStore {
  /** Makes sure that nobody else uses it. Called before every use; throws {@link ProviderError}s, as all of these do. */
  open(): void;
  load(): RefreshRecord | undefined;
  /** Replaces the record of that revision (undefined: none); throws if another one is there. Durable when it returns. */
  save(record: RefreshRecord, expectedRevision: number | undefined): void;
  /** Lets others use it. Never throws. */
  close(): void;
}

/** What a file store needs of the machine; the one that it runs on where nothing is given. */
export interface StoreMachine {
  readonly fs?: StoreFs;
  /** Which process this is, for those that find its lock. */
  readonly identity?: ProcessIdentity;
}

export interface FileStoreOptions extends StoreMachine {
  readonly path: string;
  /** Its directory may be one that others can write. */
  readonly allowSharedDirectory?: boolean;
  /** Whose lock it is: unique to the supervisor and the credential. */
  readonly owner: string;
  readonly clock: Clock;
}

const FORMAT = 'tokenvisor refresh token';
const VERSION = 1;
/** Of the whole file: a refresh token of the largest size, and what is kept beside it, are some 52 KiB. */
const MAX_BYTES = 64 * 1024;

/** These may go away by themselves. All other errors need a person, and park. */
const PASSING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EAGAIN',
  'EBUSY',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ETIMEDOUT',
  'ESTALE',
]);

export class FileStore implements RefreshTokenStore {
  readonly #options: FileStoreOptions;
  readonly #fs: StoreFs;
  readonly #path: string;
  /** The real directory, from when it was there first. */
  #directory: string | undefined;
  #lock: FileLock | undefined;

  constructor(options: FileStoreOptions) {
    this.#options = options;
    this.#fs = options.fs ?? machineFs;
    const followed = this.#followed(options.path);
    this.#path = followed ?? options.path;
    this.#directory = followed === undefined ? undefined : dirname(followed);
  }

  open(): void {
    this.#checkDirectory();
    this.#attempt('locked', () => {
      this.#lock ??= new FileLock({ ...this.#options, path: this.#path, fs: this.#fs });
      this.#lock.acquire();
    });
  }

  load(): RefreshRecord | undefined {
    const file = this.#attempt('read', () => readIfThere(this.#fs, this.#path, MAX_BYTES));
    if (file === undefined) return undefined;
    const record = parseFile(file.bytes.toString());
    if (record !== undefined) return record;
    // An empty file is refused too: to begin with the seed again would be to spend a token twice.
    throw failure(
      'park',
      `${this.#path} is not a refresh-token file of this version; it is left as it is: move it away`,
    );
  }

  save(record: RefreshRecord, expectedRevision: number | undefined): void {
    if (this.#attempt('read', () => this.#lock?.isHeld()) !== true) {
      throw lockLost(this.#path);
    }
    if (this.load()?.revision !== expectedRevision) {
      throw failure('transient', `${this.#path} was changed by somebody else; nothing is written over it`);
    }
    const text = `${JSON.stringify({ format: FORMAT, version: VERSION, ...record }, null, 2)}\n`;
    // It could not be read again.
    if (Buffer.byteLength(text) > MAX_BYTES) {
      throw failure('park', `The refresh-token file ${this.#path} would be larger than ${MAX_BYTES} bytes`);
    }
    this.#attempt('written', () => this.#replace(text));
    // Its directory may have been replaced by another one while it was written, and the lock with it.
    if (this.#attempt('read', () => this.#lock?.isHeld()) !== true) throw lockLost(this.#path);
  }

  close(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #replace(text: string): void {
    const temporary = `${this.#path}.${randomUUID()}.tmp`;
    try {
      const handle = this.#fs.openSync(temporary, 'wx', 0o600);
      try {
        this.#fs.writeFileSync(handle, text);
        this.#fs.fsyncSync(handle);
      } finally {
        this.#fs.closeSync(handle);
      }
      this.#fs.renameSync(temporary, this.#path);
    } catch (error) {
      removeIfThere(this.#fs, temporary);
      throw error;
    }
    this.#syncDirectory();
  }

  /** The rename itself is durable only then. Windows can't open a directory, and needs no such thing. */
  #syncDirectory(): void {
    if (process.platform === 'win32') return;
    const handle = this.#fs.openSync(dirname(this.#path), 'r');
    try {
      this.#fs.fsyncSync(handle);
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error; // Some file systems sync no directories.
    } finally {
      this.#fs.closeSync(handle);
    }
  }

  /** Refuses a directory in which other users can replace the token or its lock, and one that has become a link to another. */
  #checkDirectory(): void {
    const directory = this.#attempt('locked', () => this.#fs.realpathSync(dirname(this.#path)));
    this.#directory ??= directory;
    if (directory !== this.#directory) {
      throw failure(
        'park',
        `Expected the directory of ${this.#path} to be the one that it was at first, got a link to another. Put it back, or start the ` +
          'process anew',
      );
    }
    if (this.#options.allowSharedDirectory === true) return;
    const who = this.#attempt('locked', () => this.#fs.whoElseWrites(directory));
    if (who === undefined) return;
    throw failure(
      'park',
      `Expected the directory of ${this.#path} to be this user's alone (mode 700), and those above it this user's or root's, got one that can be written by ${who}. Move the ` +
        'file, or say fileStore(path, { allowSharedDirectory: true })',
    );
  }

  /**
   * Behind a symbolic link it is the target that is replaced, not the link. Also of a file that is not there yet, its directory is
   * the one of now: a link to it that is changed later would part the file from its lock. Undefined if that is not there yet.
   */
  #followed(path: string): string | undefined {
    try {
      return this.#fs.realpathSync(path);
    } catch {
      try {
        return join(this.#fs.realpathSync(dirname(path)), basename(path));
      } catch {
        return undefined;
      }
    }
  }

  #attempt<T>(verb: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      // Locked by a process that is about to end, most often: a deploy.
      if (error instanceof TokenvisorError) throw failure('transient', error.message, error);
      const code = errorCode(error);
      const hint = code === 'ENOENT' ? ': its directory must be there' : '';
      const message = `The refresh-token file ${this.#path} can't be ${verb} (${whyUnreadable(error)})${hint}`;
      throw failure(code !== undefined && PASSING.has(code) ? 'transient' : 'park', message);
    }
  }
}

const parseFile = (text: string): RefreshRecord | undefined => {
  // What was no UTF-8 when it was read: half a token is none, and its server would take the family of it for stolen.
  if (text.includes('\uFFFD')) return undefined;
  try {
    const { format, version, ...rest } = JSON.parse(text) as { format?: unknown; version?: unknown };
    return format === FORMAT && version === VERSION ? parseRecord(rest) : undefined;
  } catch {
    return undefined;
  }
};

const lockLost = (path: string): ProviderError =>
  failure('transient', `The lock of ${path} was lost`, new TokenvisorError('STORE_LOCKED', 'Lock lost'));

const failure = (failureClass: FailureClass, message: string, cause?: TokenvisorError): ProviderError =>
  new ProviderError(message, {
    class: failureClass,
    reason: 'store_failed',
    cause: cause ?? new TokenvisorError('STORE_FAILED', message),
  });
