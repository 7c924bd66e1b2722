/**
 * What typedoc knows of the public surface, made ready for pages: one module for each subpath of package.json, and of
 * each export what a user can use.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  Application,
  Converter,
  DeclarationReflection,
  IndexedAccessType,
  LiteralType,
  LogLevel,
  ReflectionFlag,
  ReflectionKind,
  TSConfigReader,
  UnionType,
} from 'typedoc';
import { conductOf } from './throwing.mjs';

/** @typedef {import('typedoc').DeclarationReflection} Declaration */
/** @typedef {import('typedoc').ProjectReflection} Project */

/**
 * The subpaths that have types, each with the source that they are made from.
 *
 * @param {string} root
 * @returns {{ specifier: string, page: string, source: string }[]}
 */
export const entriesOf = (root) => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  /** @type {[string, string | { types: string }][]} */
  const exported = Object.entries(manifest.exports);
  return exported.flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [];
    const inside = subpath.replace(/^\.\/?/, '');
    return [
      {
        specifier: path.posix.join(manifest.name, inside),
        page: `${inside.replaceAll('/', '-') || manifest.name}.md`,
        source: target.types.replace(/^\.\/dist\//, 'src/').replace(/\.d\.ts$/, '.ts'),
      },
    ];
  });
};

/**
 * The modules of a project, in the order of package.json, with what it says of them.
 *
 * @param {string} root @param {Project} project
 */
export const modulesOf = (root, project) => {
  const modules = entriesOf(root).map((entry) => {
    // As typedoc calls the module of a file.
    const name = entry.source.replace(/^src\//, '').replace(/(?:\/index)?\.ts$/, '');
    const module = project.children?.find((each) => each.name === name);
    if (!module) throw new Error(`Expected ${entry.source} to be a module with exports: package.json names it`);
    return { ...entry, module };
  });
  project.children = modules.map(({ module }) => module);
  return modules;
};

/**
 * Keeps what typedoc warns of, for a test to look at: nobody reads the warnings of a command that went well.
 *
 * @param {Application} app
 * @returns {readonly string[]} filled as it goes
 */
const keepWarnings = ({ logger }) => {
  /** @type {string[]} */
  const warnings = [];
  logger.log = (message, level) => {
    // eslint-disable-next-line no-control-regex -- colours
    if (level >= LogLevel.Warn) warnings.push(message.replaceAll(/\u001b\[\d+m/g, ''));
  };
  return warnings;
};

/**
 * `(typeof LIST)[number]` as the literals that it stands for.
 *
 * @param {import('typedoc').Reflection} reflection @param {import('typedoc').Context} context
 */
const spellOut = (reflection, context) => {
  if (!(reflection instanceof DeclarationReflection) || !(reflection.type instanceof IndexedAccessType)) return;
  const symbol = context.getSymbolFromReflection(reflection);
  const type = symbol && context.programs[0]?.getTypeChecker().getDeclaredTypeOfSymbol(symbol);
  const parts = type?.isUnion() ? type.types : [];
  const literals = parts.flatMap((each) => (each.isStringLiteral() ? [new LiteralType(each.value)] : []));
  if (literals.length > 0 && literals.length === parts.length) reflection.type = new UnionType(literals);
};

/** A getter is a property to who uses it. @param {Declaration} member */
const asProperty = (member) => {
  if (member.kind !== ReflectionKind.Accessor || !member.getSignature) return;
  const { type, comment } = member.getSignature;
  member.kind = ReflectionKind.Property;
  if (type) member.type = type;
  if (comment) member.comment = comment;
  if (!member.setSignature) member.setFlag(ReflectionFlag.Readonly, true);
};

/**
 * Whether users see it: not what has no name that can be written, nor what a class has from another that has an entry
 * of its own, nor a constructor that is not told about.
 *
 * @param {Declaration} member
 */
const isShown = (member) => {
  if (member.name.startsWith('[')) return false;
  if (member.inheritedFrom?.reflection) return false;
  if (member.kind === ReflectionKind.Constructor) return member.signatures?.some((each) => each.hasComment()) ?? false;
  if (!member.overwrites) return true;
  return member.hasComment() || (member.signatures?.some((each) => each.hasComment()) ?? false);
};

/** @param {Project} project @param {readonly Declaration[]} unwanted */
const remove = (project, unwanted) => unwanted.forEach((each) => project.removeReflection(each));

/** @param {Application} app */
const convert = async (app) => {
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read the sources: `npm test -- types` says why');
  for (const module of project.children ?? []) {
    for (const declared of module.children ?? []) {
      if (!('children' in declared)) continue;
      const members = declared.children ?? [];
      members.forEach(asProperty);
      remove(
        project,
        members.filter((each) => !isShown(each)),
      );
    }
  }
  app.validate(project);
  return project;
};

/**
 * @typedef {object} Surface
 * @property {Application} app
 * @property {Project} project
 * @property {readonly string[]} warnings what typedoc was not content with
 * @property {ReadonlyMap<import('typedoc').Reflection, 'throws' | 'runs'>} conduct of functions that have a body
 */

/** @param {string} root @param {string} out a folder that is typedoc's to empty @returns {Promise<Surface>} */
export const readSurface = async (root, out) => {
  const entries = entriesOf(root);
  const app = await Application.bootstrapWithPlugins(
    {
      logLevel: LogLevel.Warn,
      plugin: ['typedoc-plugin-markdown'],
      entryPoints: entries.map(({ source }) => path.join(root, source)),
      basePath: path.join(root, 'src'),
      tsconfig: path.join(root, 'tsconfig.json'),
      out,
      readme: 'none',
      disableGit: true,
      disableSources: true,
      excludePrivate: true,
      excludeInternal: true,
      excludeExternals: true,
      sort: ['source-order'],
      router: 'module',
      theme: 'reference',
      validation: {
        notExported: true,
        invalidLink: true,
        invalidPath: true,
        rewrittenLink: true,
        notDocumented: false,
      },
    },
    [new TSConfigReader()],
  );
  const warnings = keepWarnings(app);
  /** @type {Map<import('typedoc').Reflection, 'throws' | 'runs'>} */
  const conduct = new Map();
  app.converter.on(Converter.EVENT_RESOLVE_END, (context) => {
    for (const reflection of Object.values(context.project.reflections)) {
      const { declarations = [] } = context.getSymbolFromReflection(reflection) ?? {};
      spellOut(reflection, context);
      const found = conductOf(declarations);
      if (found) conduct.set(reflection, found);
    }
  });
  return { app, project: await convert(app), warnings, conduct };
};
