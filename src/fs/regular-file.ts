/** Reads files that other users may have replaced: regular files only, with a size limit. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** A file as it is read: all of it by one handle, so that it is of one file. */
export interface RegularFile {
  readonly bytes: Buffer;
  readonly mtimeMs: number;
  readonly ino: number;
}

/** Windows has none. */
const nonBlocking = (constants as { readonly O_NONBLOCK?: number }).O_NONBLOCK ?? 0;

/**
 * Reads a file of at most `maxBytes`. A pipe that nobody writes to would block this thread for ever, and the end of the process with
 * it; a device may have no end.
 *
 * @throws errors of the file system as they are, and an Error without a code if it is not a regular file or is too large
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

/** Why a file could not be read: the code of the file system, or what {@link readRegularFile} said. */
export const whyUnreadable = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).message;
