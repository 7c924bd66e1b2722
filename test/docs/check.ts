/**
 * Type-checks code blocks against the built package, as files that exist in memory only.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { type Block } from './blocks.js';

/** A block as the module it is checked as. */
interface Module {
  readonly block: Block;
  readonly fileName: string;
  readonly text: string;
  /** Where the block's own part begins: what is before belongs to another block, and is told there. */
  readonly ownStart: number;
  readonly codeStart: number;
}

export interface Problem {
  readonly line: number;
  readonly message: string;
}

const readOptions = (root: string): ts.CompilerOptions => {
  const file = path.join(root, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, (name) => ts.sys.readFile(name)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const { rootDir: _rootDir, outDir: _outDir, ...rest } = options;
  return {
    ...rest,
    noEmit: true,
    declaration: false,
    stripInternal: false,
    verbatimModuleSyntax: false,
    isolatedModules: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
  };
};

/** What JavaScript is not asked for: the types of its parameters. */
const LOOSE: ts.CompilerOptions = { noImplicitAny: false, useUnknownInCatchVariables: false };

/** What the example of a doc comment takes for granted. */
const GIVEN_IN_SOURCES: Readonly<Record<string, string>> = {
  issuer: 'string',
  clientId: 'string',
  input: 'unknown',
  workerData: 'any',
  headers: 'Headers',
  response: 'Response',
  token: "import('tokenvisor').Token",
  github: "import('tokenvisor').CredentialReader",
  supervisor: "import('tokenvisor').TokenSupervisor",
  counter: "import('tokenvisor').Actor",
  reports: "import('tokenvisor').Credential",
  clientSecret: 'string',
  sessions: "import('tokenvisor/inbound').TokenSet",
  worker: "import('node:worker_threads').Worker",
  door: "import('tokenvisor/inbound').BreakGlass",
  password: 'string',
  revoked: "import('tokenvisor/inbound').RevocationLedger",
  jwt: 'string',
  jwts: 'AsyncIterable<string>',
  jti: 'string',
  subject: 'string',
  exp: 'number',
  iat: 'number',
  logger: 'Pick<Console, "info">',
};

/** A line of declarations for those names that an example uses and does not declare. */
const declarationsFor = (code: string): string =>
  Object.entries(GIVEN_IN_SOURCES)
    .filter(
      ([name]) => new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(code) && !new RegExp(`const ${name}\\b`).test(code),
    )
    .map(([name, type]) => `declare const ${name}: ${type};`)
    .join(' ');

/** A line of imports for the names of the package that a doc comment's example uses. */
const importsFor = (code: string, names: ReadonlyMap<string, string>): string =>
  [...names]
    .filter(
      ([name]) => new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`(import[^;]*|const )\\b${name}\\b`).test(code),
    )
    .map(([name, specifier]) => `import { ${name} } from '${specifier}';`)
    .join(' ');

const toModules = (
  root: string,
  blocks: readonly Block[],
  namesFor: (page: string) => ReadonlyMap<string, string>,
): Module[] => {
  const modules: Module[] = [];
  for (const [index, block] of blocks.entries()) {
    const previous = block.continued ? modules.at(-1) : undefined;
    if (block.continued && previous?.block.page !== block.page) {
      throw new Error(`${block.page}:${block.line}: there is no block that this one could continue`);
    }
    const isSource = block.page.endsWith('.ts');
    const before = previous ? `${previous.text}\n` : '';
    const given = isSource
      ? `${importsFor(block.code, namesFor(block.page))} ${declarationsFor(block.code)}\n`
      : block.given && `${block.given}\n`;
    const base = (block.file ?? `block-${index}.js`).replace(/\.m?js$/, '.ts');
    modules.push({
      block,
      fileName: path.join(root, '.docs', block.page.replaceAll(/\W+/g, '-'), base),
      text: `${before}${given}${block.code}\n`,
      ownStart: before.length,
      codeStart: before.length + given.length,
    });
  }
  return modules;
};

const inMemory = (options: ts.CompilerOptions, modules: readonly Module[]): ts.CompilerHost => {
  const host = ts.createCompilerHost(options);
  const texts = new Map(modules.map((module) => [module.fileName, module.text]));
  const folders = new Set(modules.map((module) => path.dirname(module.fileName)));
  return {
    ...host,
    fileExists: (file) => texts.has(file) || host.fileExists(file),
    readFile: (file) => texts.get(file) ?? host.readFile(file),
    directoryExists: (folder) => folders.has(folder) || (host.directoryExists?.(folder) ?? true),
    getSourceFile: (file, target, ...rest) => {
      const text = texts.get(file);
      if (text === undefined) return host.getSourceFile(file, target, ...rest);
      return ts.createSourceFile(file, text, target, true);
    },
  };
};

const problemsOf = (program: ts.Program, module: Module): Problem[] => {
  const source = program.getSourceFile(module.fileName);
  if (!source) return [{ line: module.block.line, message: 'the block was not read' }];
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    .map(({ start = module.codeStart, messageText }) => ({ start, messageText }))
    .filter(({ start }) => start >= module.ownStart)
    .map(({ start, messageText }) => ({
      line: module.block.line + Math.max(0, lineOf(start) - lineOf(module.codeStart)),
      message: ts.flattenDiagnosticMessageText(messageText, '\n'),
    }));
};

/** Every name that some modules export, with the specifier it comes from; the first module wins. */
const exportedNames = (
  root: string,
  entries: ReadonlyMap<string, string>,
): ((...specifiers: string[]) => Map<string, string>) => {
  const program = ts.createProgram([...entries.values()], readOptions(root));
  const checker = program.getTypeChecker();
  return (...specifiers) => {
    const names = new Map<string, string>();
    for (const specifier of specifiers) {
      const source = program.getSourceFile(entries.get(specifier) ?? '');
      const symbol = source && checker.getSymbolAtLocation(source);
      for (const each of symbol ? checker.getExportsOfModule(symbol) : []) {
        if (!names.has(each.name)) names.set(each.name, specifier);
      }
    }
    return names;
  };
};

/** Where the build has put a source. */
const builtFrom = (root: string, page: string, ending: string): string =>
  path.join(root, page.replace(/^src\b/, 'dist').replace(/\.ts$/, ending));

/**
 * The example of a doc comment uses the names of the package, and those of its own module, without importing them; and the
 * names of {@link GIVEN_IN_SOURCES}.
 *
 * @param root the checkout
 * @param entries the package's specifiers, each with its .d.ts file
 */
export const checkBlocks = (
  root: string,
  entries: ReadonlyMap<string, string>,
  blocks: readonly Block[],
): Map<Block, Problem[]> => {
  const sources = new Set(blocks.map((block) => block.page).filter((page) => page.endsWith('.ts')));
  const own = [...sources].map((page) => [builtFrom(root, page, '.js'), builtFrom(root, page, '.d.ts')] as const);
  const present = new Map([...entries, ...own].filter(([, file]) => existsSync(file)));
  const namesOf = exportedNames(root, present);
  const modules = toModules(root, blocks, (page) => namesOf(...entries.keys(), builtFrom(root, page, '.js')));
  const found = new Map<Block, Problem[]>();
  for (const language of ['js', 'ts'] as const) {
    const options = { ...readOptions(root), ...(language === 'js' && LOOSE) };
    const ofLanguage = modules.filter((module) => module.block.language === language);
    if (ofLanguage.length === 0) continue;
    const program = ts.createProgram(
      ofLanguage.map((module) => module.fileName),
      options,
      inMemory(options, modules),
    );
    for (const module of ofLanguage) found.set(module.block, problemsOf(program, module));
  }
  return found;
};
