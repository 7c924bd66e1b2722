/** The file system as the refresh-token store uses it: all synchronous, because libuv's pool may be full. */
import * as fs from 'node:fs';

/** A port, so that tests can let every single step fail. */
export type StoreFs = Pick<
  typeof fs,
  | 'closeSync'
  | 'fsyncSync'
  | 'linkSync'
  | 'openSync'
  | 'readFileSync'
  | 'realpathSync'
  | 'renameSync'
  | 'statSync'
  | 'unlinkSync'
  | 'utimesSync'
  | 'writeFileSync'
>;

export const machineFs: StoreFs = fs;

/** The contents, or undefined if there is no such file. */
export const readIfThere = (port: StoreFs, path: string): string | undefined => {
  try {
    return port.readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Removes the file if it is there. */
export const removeIfThere = (port: StoreFs, path: string): void => {
  try {
    port.unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
};

export const errorCode = (error: unknown): string | undefined => {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
};
