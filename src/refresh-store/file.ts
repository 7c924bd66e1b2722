/**
 * Stores a refresh token's record in a file: readable by its owner only, replaced as a whole, and locked.
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

/** Durable storage of a refresh token, when memory is not enough. */
export interface RefreshTokenStore {
  /**
   * Ensures that no other credential or process uses it. Called before every use; throws {@link ProviderError}s, as all
   * of these do.
   */
  open(): void;
  load(): RefreshRecord | undefined;
  /**
   * Replaces the record of that revision (undefined: none); throws if another revision is there. Durable when it
   * returns.
   */
  save(record: RefreshRecord, expectedRevision: number | undefined): void;
  /** Releases it for others. Never throws. */
  close(): void;
}

/** The file store's interface to the machine; by default the real one. */
export interface StoreMachine {
  readonly fs?: StoreFs;
  /** The identity of this process, for others that find its lock. */
  readonly identity?: ProcessIdentity;
}

export interface FileStoreOptions extends StoreMachine {
  readonly path: string;
  /** Allows a directory that others can write to. */
  readonly allowSharedDirectory?: boolean;
  /** The owner of the lock: unique to the supervisor and the credential. */
  readonly owner: string;
  readonly clock: Clock;
}

const FORMAT = 'tokenvisor refresh token';
const VERSION = 1;
/** The size limit of the file: the largest refresh token and its metadata are some 52 KiB. */
const MAX_BYTES = 64 * 1024;

/** Errors that may go away by themselves. All others need a person, and park. */
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
  /** The real directory, from when it first existed. */
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
    // An empty file is refused too: starting from the seed again could spend a token twice.
    throw failure(
      'fatal',
      `${this.#path} is not a refresh-token file of this version; it is left as it is: move it away`,
    );
  }

  save(record: RefreshRecord, expectedRevision: number | undefined): void {
    if (this.#attempt('read', () => this.#lock?.isHeld()) !== true) {
      throw lockLost(this.#path);
    }
    if (this.load()?.revision !== expectedRevision) {
      throw failure('transient', `${this.#path} was changed by another program; it is not overwritten`);
    }
    const text = `${JSON.stringify({ format: FORMAT, version: VERSION, ...record }, null, 2)}\n`;
    // A larger file could not be read again.
    if (Buffer.byteLength(text) > MAX_BYTES) {
      throw failure('fatal', `The refresh-token file ${this.#path} would be larger than ${MAX_BYTES} bytes`);
    }
    this.#attempt('written', () => this.#replace(text));
    // The directory may have been replaced during the write, and the lock with it.
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

  /** Only this makes the rename durable. Windows can't open a directory, and does not need it. */
  #syncDirectory(): void {
    if (process.platform === 'win32') return;
    const handle = this.#fs.openSync(dirname(this.#path), 'r');
    try {
      this.#fs.fsyncSync(handle);
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error; // Some file systems can't sync directories.
    } finally {
      this.#fs.closeSync(handle);
    }
  }

  /**
   * Refuses a directory in which other users can replace the token or its lock, and one that has become a link to
   * another.
   */
  #checkDirectory(): void {
    const directory = this.#attempt('locked', () => this.#fs.realpathSync(dirname(this.#path)));
    this.#directory ??= directory;
    if (directory !== this.#directory) {
      throw failure(
        'fatal',
        `Expected the directory of ${this.#path} to be the same as at first, got a link to another. Restore it, or start the ` +
          'process anew',
      );
    }
    if (this.#options.allowSharedDirectory === true) return;
    const who = this.#attempt('locked', () => this.#fs.whoElseWrites(directory));
    if (who === undefined) return;
    throw failure(
      'fatal',
      `Expected the directory of ${this.#path} to be this user's alone (mode 700), and those above it this user's or root's, got one that can be written by ${who}. Move the ` +
        'file, or set fileStore(path, { allowSharedDirectory: true })',
    );
  }

  /**
   * Resolves symbolic links, because the target is replaced, not the link. For a file that does not exist yet, its
   * current directory is used: a link to it that changed later would separate the file from its lock. Undefined if the
   * directory does not exist yet.
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
      // Most often it is locked by a process that is about to end: a deploy.
      if (error instanceof TokenvisorError) throw failure('transient', error.message, error);
      const code = errorCode(error);
      const hint = code === 'ENOENT' ? ': its directory must exist' : '';
      const message = `The refresh-token file ${this.#path} can't be ${verb} (${whyUnreadable(error)})${hint}`;
      throw failure(code !== undefined && PASSING.has(code) ? 'transient' : 'fatal', message);
    }
  }
}

const parseFile = (text: string): RefreshRecord | undefined => {
  // The file had invalid UTF-8: its token is damaged, and the server would take a damaged token for a stolen one.
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
