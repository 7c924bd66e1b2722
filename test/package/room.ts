/**
 * A folder of a test file's own, in the project that has the package installed.
 */
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inject } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { run, type Run } from './project.js';

const FIXTURES = path.join(ROOT, 'test/package/fixtures');

export interface Room {
  readonly folder: string;
  /** The path of a file of it. */
  at(...file: string[]): string;
  write(file: string, text: string): Promise<string>;
  /** Writes a file and runs it with this Node. */
  node(file: string, source: string, ...args: string[]): Promise<Run>;
  /** Runs this Node with these arguments. */
  run(...args: string[]): Promise<Run>;
  /** Makes a package of ours, a tool for developers, one of the room's. */
  lend(name: string): Promise<void>;
}

/** An empty one, with the named fixtures in it. */
export const room = async (name: string, ...fixtures: string[]): Promise<Room> => {
  const folder = path.join(inject('project'), name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const fixture of fixtures) {
    // One that our own checks are to leave alone has another name here.
    await cp(path.join(FIXTURES, fixture), path.join(folder, fixture.replace(/\.txt$/, '')));
  }
  const at = (...file: string[]): string => path.join(folder, ...file);
  const write = async (file: string, text: string): Promise<string> => {
    await mkdir(path.dirname(at(file)), { recursive: true });
    await writeFile(at(file), text);
    return at(file);
  };
  return {
    folder,
    at,
    write,
    node: async (file, source, ...args) => run(folder, process.execPath, await write(file, source), ...args),
    run: (...args) => run(folder, process.execPath, ...args),
    lend: async (dependency) => {
      const target = at('node_modules', dependency);
      await mkdir(path.dirname(target), { recursive: true });
      await symlink(path.join(ROOT, 'node_modules', dependency), target);
    },
  };
};
