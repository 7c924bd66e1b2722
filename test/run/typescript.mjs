/**
 * Imports a TypeScript file of ours into plain Node, which can't read it: bundled, for as long as
 * it takes to load. What is bundled can't use `import.meta.url`. Packages, `tokenvisor` among them, are left to Node.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, SCRATCH } from './setup.mjs';

/**
 * @param {string} file relative to the top of the checkout
 * @returns {Promise<any>} its exports
 */
export const importTypeScript = async (file) => {
  // Loaded here, because it may have been installed a moment ago.
  const { build } = await import('esbuild');
  const folder = path.join(SCRATCH, 'run');
  mkdirSync(folder, { recursive: true });
  const outfile = path.join(folder, `${file.replaceAll(/\W+/g, '-')}-${process.pid}.mjs`);
  await build({
    entryPoints: [path.join(ROOT, file)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'silent',
  });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
};
