/**
 * A disk: what is on it, and what of that would be there after a power cut. It outlives processes. The thread that writes
 * may die before each call; the calls fail while the disk is sick.
 */
import type { Clock } from '../../src/core/clock.js';
import type { RegularFile } from '../../src/fs/regular-file.js';
import type { StoreFs } from '../../src/fs/files.js';
import type { Mortal } from './mortal.js';

interface Inode {
  readonly number: number;
  text: string;
  /** What an fsync has made sure of; undefined: nothing of it. */
  durable: string | undefined;
  mtimeMs: number;
}

const failing = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: simulated`), { code });

const DIRECTORY = '/state';

export class Disk {
  /** The code of the errors that writes fail with. */
  sick: string | undefined;
  readonly #clock: Clock;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #lastInode = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What would be read of it after a power cut. */
  durable(path: string): string | undefined {
    return this.#durableNames.get(path)?.durable;
  }

  /** All that no fsync has made sure of is gone. */
  cutPower(): void {
    this.#names = new Map(this.#durableNames);
    for (const inode of this.#names.values()) inode.text = inode.durable ?? '';
  }

  /** The file system, as a thread has it. */
  of(thread: Mortal): StoreFs {
    const handles = new Map<number, Inode | 'directory'>();
    const write = (): void => {
      thread.act('deed');
      if (this.sick !== undefined) throw failing(this.sick);
    };
    const find = (path: string): Inode => {
      const inode = this.#names.get(path);
      if (!inode) throw failing('ENOENT');
      return inode;
    };
    const create = (path: string): Inode => {
      const inode = { number: ++this.#lastInode, text: '', durable: undefined, mtimeMs: this.#clock.wallMs() };
      this.#names.set(path, inode);
      return inode;
    };
    const port = {
      openSync: (path: string, flags: string): number => {
        const handle = handles.size + 1;
        if (path === DIRECTORY) handles.set(handle, 'directory');
        else if (flags === 'wx') {
          write();
          if (this.#names.has(path)) throw failing('EEXIST');
          handles.set(handle, create(path));
        } else handles.set(handle, find(path));
        return handle;
      },
      writeFileSync: (target: number | string, text: string, options: { flag?: string } = {}): void => {
        write();
        if (typeof target === 'string' && options.flag === 'wx' && this.#names.has(target)) throw failing('EEXIST');
        const inode = typeof target === 'number' ? handles.get(target) : (this.#names.get(target) ?? create(target));
        if (inode === undefined || inode === 'directory') throw failing('EBADF');
        inode.text = text;
        inode.mtimeMs = this.#clock.wallMs();
      },
      fsyncSync: (handle: number): void => {
        write();
        const inode = handles.get(handle);
        if (inode === 'directory') this.#durableNames = new Map(this.#names);
        else if (inode) inode.durable = inode.text;
      },
      closeSync: (handle: number): void => void handles.delete(handle),
      renameSync: (from: string, to: string): void => {
        write();
        this.#names.set(to, find(from));
        this.#names.delete(from);
      },
      linkSync: (from: string, to: string): void => {
        write();
        if (this.#names.has(to)) throw failing('EEXIST');
        this.#names.set(to, find(from));
      },
      unlinkSync: (path: string): void => {
        thread.act('deed');
        find(path);
        this.#names.delete(path);
      },
      readRegularFile: (path: string): RegularFile => {
        thread.act('word');
        const { text, mtimeMs, number } = find(path);
        return { bytes: Buffer.from(text), mtimeMs, ino: number };
      },
      whoElseWrites: (): undefined => undefined,
      realpathSync: (path: string): string => {
        if (path !== DIRECTORY) find(path);
        return path;
      },
      utimesSync: (path: string, _atime: Date, mtime: Date): void => {
        write();
        find(path).mtimeMs = mtime.getTime();
      },
    };
    return port as unknown as StoreFs;
  }
}

/** A path on it. */
export const onDisk = (name: string): string => `${DIRECTORY}/${name}`;
