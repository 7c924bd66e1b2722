/** The file system as the refresh-token store uses it: synchronous, because libuv's pool may be full. */
import * as fs from 'node:fs';
import { readRegularFile, type RegularFile } from './regular-file.js';
import { whoElseWrites } from './shared-directory.js';

/** A port, so that tests can make every single step fail. */
export type StoreFs = Pick<
  typeof fs,
  | 'closeSync'
  | 'fsyncSync'
  | 'linkSync'
  | 'openSync'
  | 'realpathSync'
  | 'renameSync'
  | 'unlinkSync'
  | 'utimesSync'
  | 'writeFileSync'
> & { readonly readRegularFile: typeof readRegularFile; readonly whoElseWrites: typeof whoElseWrites };

const { closeSync, fsyncSync, linkSync, openSync, realpathSync, renameSync, unlinkSync, utimesSync, writeFileSync } =
  fs;

export const machineFs: StoreFs = {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  realpathSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  readRegularFile,
  whoElseWrites,
};

/** Reads the file; undefined if it does not exist. */
export const readIfThere = (port: StoreFs, path: string, maxBytes: number): RegularFile | undefined => {
  try {
    return port.readRegularFile(path, maxBytes);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Removes the file if it exists. */
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
