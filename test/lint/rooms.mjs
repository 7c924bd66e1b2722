/**
 * The rooms of src, and a rule that a file imports only from its own room and from those before it. So there is no circle of
 * rooms, and a change in one can break only those that come after it.
 */
import path from 'node:path';

/** In order, by the first-level folder. A file that lies in none is a room of its own. docs/explanation/architecture.md says what each is for. */
export const ROOMS = [
  ...['core', 'config', 'table', 'memory', 'fs', 'secrets', 'net', 'messaging', 'oauth', 'actor', 'jwt', 'storage'],
  ...['refresh-store', 'grants', 'supervision', 'kinds', 'runtime', 'testing', 'attach.ts', 'inbound.ts', 'index.ts'],
];

/** @param {string} file a path below src, with slashes */
export const roomOf = (file) => file.split('/')[0] ?? '';

/** Why one file may not import another; undefined if it may. @param {string} from @param {string} to below src, with slashes */
export const refusal = (from, to) => {
  const [own, other] = [roomOf(from), roomOf(to)];
  if (!ROOMS.includes(own)) return `Expected a file in one of the rooms ${ROOMS.join(', ')}, got ${from}`;
  if (ROOMS.indexOf(other) <= ROOMS.indexOf(own)) return undefined;
  return `${own} comes before ${other}: move what both need into ${own}, or into a room before it`;
};

/** @param {string} src the folder @returns {import('eslint').Rule.RuleModule} */
export const roomsRule = (src) => ({
  meta: { type: 'problem', schema: [] },
  create(context) {
    const below = (/** @type {string} */ file) => path.relative(src, file).split(path.sep).join('/');
    const from = below(context.filename);
    /** @param {{ source?: unknown }} node */
    const look = (node) => {
      const source = /** @type {import('estree').Literal | null | undefined} */ (node.source);
      const given = source?.value;
      if (!source || typeof given !== 'string' || !given.startsWith('.')) return;
      const to = below(path.resolve(path.dirname(context.filename), given)).replace(/\.js$/, '.ts');
      const message = refusal(from, to);
      if (message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: look,
      ExportNamedDeclaration: look,
      ExportAllDeclaration: look,
      ImportExpression: look,
      /** @param {any} node */
      TSImportType: (node) => look({ source: node.source }),
    };
  },
});
