/** Reads files that other users may have replaced: regular files only, with a size limit. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** A file as read: its contents and stat through one handle, so that both are of one file. */
export interface RegularFile {
  readonly bytes: Buffer;
  readonly mtimeMs: number;
  readonly ino: number;
}

/** Undefined on Windows. */
const nonBlocking = (constants as { readonly O_NONBLOCK?: number }).O_NONBLOCK ?? 0;

/**
 * Reads a file of at most `maxBytes`. A pipe without a writer would block this thread for ever, and the end of the
 * process with it; a device may be endless.
 *
 * @throws errors of the file system unchanged, and an Error without a code if it is not a regular file or is too large
 */
export const readRegularFile = (path: string, maxBytes: number): RegularFile => {
  const handle = openSync(path, constants.O_RDONLY | nonBlocking);
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) throw new Error('it is not a regular file');
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(handle, buffer, length, buffer.length - length, null);
      if (read === 0) return { bytes: buffer.subarray(0, length), mtimeMs: status.mtimeMs, ino: status.ino };
      length += read;
    }
    throw new Error(`it is larger than ${maxBytes} bytes`);
  } finally {
    closeSync(handle);
  }
};

/** Why a file could not be read: the file system's error code, or the message of {@link readRegularFile}. */
export const whyUnreadable = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).message;
