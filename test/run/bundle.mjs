/**
 * Puts what a thread loads into one file. A credential's thread that loads it as some forty ES modules costs 3 MB and
 * 15 ms more; see docs/explanation/performance.md. The packages that we depend on stay outside, and what only some
 * threads need (a grant, say) is in the file but not run before it is asked for.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ENTRIES = [
  'runtime/credential-runtime.cjs',
  'runtime/every-runtime.cjs',
  'runtime/verify-entry.cjs',
  'runtime/supervisor-entry.cjs',
];

/**
 * Replaces the entries in a built dist by their bundles.
 *
 * @param {string} root the checkout @param {string} dist the folder that tsc has filled
 */
export const bundleEntries = async (root, dist) => {
  const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const { build } = await import('esbuild');
  await build({
    entryPoints: ENTRIES.map((entry) => path.join(dist, entry)),
    outdir: dist,
    outbase: dist,
    outExtension: { '.js': '.cjs' },
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: Object.keys(dependencies),
    minifyWhitespace: true,
    minifySyntax: true,
    // The modules in the file have its place: those that resolve something beside themselves are in the same folder.
    define: { 'import.meta.url': '__entryUrl' },
    banner: { js: "const __entryUrl = require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'silent',
  });
};
