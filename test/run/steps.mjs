/**
 * The steps of `npm test`, in order.
 */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} does one line for the reader
 * @property {boolean} dist whether it needs the build
 * @property {number} limitMs a step that takes longer is ended, and has failed
 * @property {string[][]} [commands] each a program of node_modules/.bin, or `node`, and its arguments; all are run
 * @property {boolean} [isTest] what the commands do counts as a test
 * @property {string} [project] or the vitest project to run
 * @property {boolean} [onlyByName] it is run when it is named, and not with all others
 */

const MINUTE = 60_000;

/** @param {string} tsconfig */
const tsc = (tsconfig) => [
  'tsc',
  '-p',
  tsconfig,
  '--noEmit',
  '--incremental',
  '--tsBuildInfoFile',
  `.build/types/${tsconfig.replaceAll(/\W+/g, '-')}.tsbuildinfo`,
];

/** @type {readonly Step[]} */
export const STEPS = [
  {
    name: 'format',
    does: 'every file as prettier would write it',
    dist: false,
    limitMs: 4 * MINUTE,
    commands: [
      ['prettier', '--check', '--log-level', 'warn', '--cache', '--cache-location', '.build/prettier.json', '.'],
    ],
  },
  {
    name: 'lint',
    does: 'eslint with types',
    dist: true,
    limitMs: 6 * MINUTE,
    commands: [['eslint', '--config', 'test/eslint.config.mjs', '--max-warnings', '0', '.']],
  },
  {
    name: 'types',
    does: 'src, test and examples',
    dist: true,
    limitMs: 6 * MINUTE,
    commands: [tsc('tsconfig.json'), tsc('test/tsconfig.json'), tsc('examples/tsconfig.json')],
  },
  { name: 'unit', does: 'in process, simulated clock', dist: false, limitMs: 6 * MINUTE, project: 'unit' },
  { name: 'property', does: 'fast-check', dist: false, limitMs: 6 * MINUTE, project: 'property' },
  { name: 'threads', does: 'real threads, on the build', dist: true, limitMs: 10 * MINUTE, project: 'threads' },
  { name: 'services', does: 'real servers, on the build', dist: true, limitMs: 10 * MINUTE, project: 'services' },
  {
    name: 'chaos',
    does: 'real threads, killed in every way, for 30 s',
    dist: true,
    limitMs: 6 * MINUTE,
    commands: [['node', 'test/run/chaos.mjs', '--minutes', '0.5']],
    isTest: true,
  },
  {
    name: 'long',
    does: 'what takes more than a minute by nature: npm run test:long',
    dist: true,
    limitMs: 90 * MINUTE,
    project: 'long',
    onlyByName: true,
  },
  { name: 'examples', does: 'each run as a new user would', dist: true, limitMs: 5 * MINUTE, project: 'examples' },
  { name: 'docs', does: 'code blocks, links, the API reference', dist: true, limitMs: 2 * MINUTE, project: 'docs' },
  { name: 'package', does: 'the tarball, wherever Node runs', dist: true, limitMs: 7 * MINUTE, project: 'package' },
];
