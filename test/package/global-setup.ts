/**
 * Packs the package and installs it into one empty project, for all files of this step: each works in a room of its own
 * in there.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { install, pack, temporaryFolder, type Tarball } from './project.js';

declare module 'vitest' {
  interface ProvidedContext {
    readonly tarball: Tarball;
    /** The folder of the project. */
    readonly project: string;
  }
}

export const setup = async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const folder = await temporaryFolder();
  const tarball = await pack(folder);
  const project = path.join(folder, 'project');
  await install(project, tarball.file);
  provide('tarball', tarball);
  provide('project', project);
  return () => rm(folder, { recursive: true, force: true });
};
