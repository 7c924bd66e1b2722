import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** Where the runner wants the counts, if it is the runner that started us. */
const reportFile = process.env['TOKENVISOR_TEST_REPORT'];

const compact: ['default', { summary: boolean }] = ['default', { summary: false }];

const root = new URL('..', import.meta.url).pathname;

/** Our own build is loaded by Node itself, as a user's process does: its workers are found beside it. */
const external = [/\/dist\//];

/** Workers of a test inherit its execArgv, so there is none. */
const onTheBuild: TestProjectInlineConfiguration['test'] = {
  pool: 'forks',
  execArgv: [],
  fileParallelism: false,
  globalSetup: 'test/run/vitest-setup.mjs',
  server: { deps: { external } },
};

export default defineConfig({
  root,
  cacheDir: '.build/vite',
  test: {
    reporters: reportFile ? [compact, ['json', { outputFile: reportFile }]] : [compact],
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/bench/**/*.test.ts', 'test/run/**/*.test.ts'],
          // Ends what hangs: no test comes near it, also on a machine that is busy with something else.
          testTimeout: 30_000,
        },
      },
      { extends: true, test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 60_000 } },
      {
        extends: true,
        test: {
          name: 'threads',
          include: ['test/threads/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 30_000,
          ...onTheBuild,
          // They wait for bounds to pass, more than they work.
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...onTheBuild,
          // They wait for lives of tokens to pass, more than they work.
          fileParallelism: true,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          ...onTheBuild,
        },
      },
      {
        extends: true,
        test: {
          name: 'examples',
          include: ['test/examples/**/*.test.ts'],
          testTimeout: 60_000,
          maxConcurrency: 2,
          ...onTheBuild,
        },
      },
      {
        extends: true,
        test: {
          name: 'docs',
          include: ['test/docs/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...onTheBuild,
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...onTheBuild,
          globalSetup: ['test/run/vitest-setup.mjs', 'test/package/global-setup.ts'],
        },
      },
    ],
  },
});
