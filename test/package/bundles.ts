/**
 * One program, bundled by each bundler as its users do.
 */
import path from 'node:path';
import * as esbuild from 'esbuild';
import { build as vite } from 'vite';
import webpack from 'webpack';

export interface Bundle {
  readonly bundler: string;
  readonly format: 'esm' | 'cjs';
  /** Makes `file` of `entry`; `external` as the bundler's users mark it. */
  readonly make: (entry: string, file: string, external: boolean) => Promise<void>;
}

const withEsbuild =
  (format: 'esm' | 'cjs'): Bundle['make'] =>
  async (entry, file, external) => {
    await esbuild.build({
      entryPoints: [entry],
      outfile: file,
      bundle: true,
      platform: 'node',
      format,
      external: external ? ['tokenvisor'] : [],
      logLevel: 'silent',
    });
  };

const withWebpack =
  (format: 'esm' | 'cjs'): Bundle['make'] =>
  (entry, file, external) =>
    new Promise((resolve, reject) => {
      const output = { path: path.dirname(file), filename: path.basename(file), module: format === 'esm' };
      const settings: webpack.Configuration = {
        mode: 'production',
        target: 'node20',
        context: path.dirname(entry),
        entry,
        output,
        experiments: { outputModule: format === 'esm' },
        ...(external && {
          externals: [/^tokenvisor(\/|$)/],
          externalsType: format === 'esm' ? 'module' : 'commonjs',
        }),
      };
      webpack(settings, (error, stats) => {
        const problem = error ?? (stats?.hasErrors() ? new Error(stats.toString({ all: false, errors: true })) : null);
        if (problem) reject(problem);
        else resolve();
      });
    });

/** What Vite packs in for the server is none of node_modules, unless it is told to. */
const withVite =
  (format: 'esm' | 'cjs', allElseIn = false): Bundle['make'] =>
  async (entry, file, isExternal) => {
    await vite({
      root: path.dirname(entry),
      configFile: false,
      logLevel: 'error',
      ssr: isExternal ? (allElseIn ? { noExternal: true, external: ['tokenvisor'] } : {}) : { noExternal: true },
      build: {
        ssr: entry,
        outDir: path.dirname(file),
        emptyOutDir: false,
        rolldownOptions: { output: { format, entryFileNames: path.basename(file) } },
      },
    });
  };

export const BUNDLES: readonly Bundle[] = [
  { bundler: 'esbuild', format: 'esm', make: withEsbuild('esm') },
  { bundler: 'esbuild', format: 'cjs', make: withEsbuild('cjs') },
  { bundler: 'webpack', format: 'esm', make: withWebpack('esm') },
  { bundler: 'webpack', format: 'cjs', make: withWebpack('cjs') },
  { bundler: 'Vite', format: 'esm', make: withVite('esm') },
  { bundler: 'Vite', format: 'cjs', make: withVite('cjs') },
  { bundler: 'Vite, all else packed in,', format: 'esm', make: withVite('esm', true) },
];
