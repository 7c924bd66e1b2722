/**
 * How a page of the API reference is laid out: the contents by kind, then each export with its text, its signature, its
 * members, what it throws and how it is used. Comments and their links are read by typedoc-plugin-markdown.
 */
import { ReflectionKind, ReflectionType, ReferenceType, UnionType } from 'typedoc';
import { MarkdownTheme, MarkdownThemeContext } from 'typedoc-plugin-markdown';
import { code, signatureText, typeMarkdown, typeText } from './types.mjs';

/** @typedef {import('typedoc').DeclarationReflection} Declaration */
/** @typedef {import('typedoc').SignatureReflection} Signature */
/** @typedef {import('typedoc').Comment} Comment */
/** @typedef {import('typedoc').Reflection} Reflection */
/** @typedef {import('typedoc').CommentDisplayPart[]} Parts */

/** The headings of a page, in order, and what stands under each. */
const GROUPS = [
  { heading: 'Functions', kinds: [ReflectionKind.Function, ReflectionKind.Variable] },
  { heading: 'Classes', kinds: [ReflectionKind.Class] },
  { heading: 'Types', kinds: [ReflectionKind.Interface, ReflectionKind.TypeAlias, ReflectionKind.Enum] },
];

const CONTAINERS = [ReflectionKind.Class, ReflectionKind.Interface];

const ERRORS = '../errors.md#codes';

/** An error's code, in the text of a `@throws`. */
const CODE = /(?<![`\w])[A-Z][A-Z]+(?:_[A-Z]+)*(?![`\w])/;

/** @param {readonly string[]} lines */
const block = (...lines) => ['```ts', ...lines, '```'].join('\n');

/** @param {readonly string[]} header @param {readonly string[][]} rows */
const table = (header, rows) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** One line, for a cell: lists become sentences in a row. @param {string} text */
const inCell = (text) =>
  text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/(?<!\\)\|/g, String.raw`\|`);

/** @param {Declaration} declared */
const isCallable = (declared) => (declared.signatures?.length ?? 0) > 0;

/** @param {Declaration} declared @returns {Comment | undefined} of a function, that of the first signature which has one */
export const commentOf = (declared) =>
  declared.comment ?? declared.signatures?.find((each) => each.hasComment())?.comment;

/** What a heading is called. @param {Declaration} declared */
const titleOf = (declared) => {
  if (declared.kind === ReflectionKind.Constructor) return `new ${declared.parent?.name}()`;
  const owner = declared.parent?.kindOf(CONTAINERS) ? `${declared.parent.name}.` : '';
  return `${owner}${declared.name}${isCallable(declared) ? '()' : ''}`;
};

/** As code hosts make them of headings. @param {string} title */
const slug = (title) =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

/** The module that something is exported by. @param {Reflection} reflection @returns {Reflection} */
const moduleOf = (reflection) =>
  reflection.kindOf(ReflectionKind.Module) || !reflection.parent ? reflection : moduleOf(reflection.parent);

/** What has a heading, in the order of the headings. @param {Declaration} module @returns {Declaration[]} */
const headed = (module) =>
  GROUPS.flatMap(({ kinds }) => inGroup(module, kinds)).flatMap((each) => [each, ...methodsOf(each)]);

/** @param {Declaration} module @param {ReflectionKind[]} kinds @returns {Declaration[]} */
const inGroup = (module, kinds) =>
  (module.children ?? [])
    .filter((each) => kinds.some((kind) => each.kindOf(kind)))
    .sort((one, other) => (one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1));

/** @param {Declaration} declared */
const methodsOf = ({ children = [] }) => children.filter((each) => isCallable(each));

/** @param {Declaration} declared */
const propertiesOf = ({ children = [] }) => children.filter((each) => !isCallable(each));

/** @type {WeakMap<Reflection, Map<Reflection, string>>} */
const anchorsByModule = new WeakMap();

/** The anchors of a page. @param {Declaration} module */
const anchorsOf = (module) => {
  const known = anchorsByModule.get(module);
  if (known) return known;
  /** @type {Map<Reflection, string>} */
  const anchors = new Map();
  anchorsByModule.set(module, anchors);
  const taken = new Set(GROUPS.map(({ heading }) => slug(heading)).concat('contents', slug(module.name)));
  for (const each of headed(module)) {
    const base = slug(titleOf(each));
    let anchor = base;
    for (let count = 1; taken.has(anchor); count += 1) anchor = `${base}-${count}`;
    taken.add(anchor);
    anchors.set(each, anchor);
  }
  return anchors;
};

class Page extends MarkdownThemeContext {
  /** A link to an export, from this page. @override @param {Reflection} reflection */
  urlTo(reflection) {
    return this.urlOf(reflection) ?? '#';
  }

  /** @param {Reflection} reflection @returns {string | undefined} undefined if it has no heading, nor what it is of */
  urlOf(reflection) {
    const module = moduleOf(reflection);
    const anchors = anchorsOf(/** @type {Declaration} */ (module));
    /** @type {Reflection | undefined} */
    let at = reflection;
    while (at && !anchors.has(at)) at = at.parent;
    if (!at) return undefined;
    const page = module === moduleOf(this.page.model) ? '' : `${module.name}.md`;
    return `${page}#${anchors.get(at)}`;
  }

  /** @param {import('typedoc').SomeType | undefined} type */
  type(type) {
    return typeMarkdown(type, ({ reflection }) =>
      reflection && !reflection.kindOf(ReflectionKind.TypeParameter) ? this.urlOf(reflection) : undefined,
    );
  }

  /** @param {Parts | undefined} parts */
  text(parts) {
    return this.helpers.getCommentParts(parts ?? []).trim();
  }

  /** The first sentence of what it is. @param {Declaration} declared */
  summary(declared) {
    const [paragraph = ''] = this.text(commentOf(declared)?.summary).split(/\n\s*\n/);
    const [sentence = ''] = inCell(paragraph).split(/(?<=[^.]\.)\s+(?=[A-Z`])|(?<=\.)$/);
    return sentence.replace(/\.$/, '');
  }

  /** @param {Comment | undefined} comment @param {`@${string}`} name */
  tags(comment, name) {
    return (comment?.getTags(name) ?? []).map(({ content }) => this.text(content));
  }

  /** @param {Comment | undefined} comment @param {boolean} isPromised */
  throws(comment, isPromised) {
    const texts = this.tags(comment, '@throws').flatMap((text) =>
      text.replaceAll(/\s*\n\s*/g, ' ').split(new RegExp(`[,;]\\s+(?=${CODE.source})`)),
    );
    if (texts.length === 0) return [];
    const lines = texts.map((text) => {
      const linked = text.replace(/\.$/, '').replaceAll(new RegExp(CODE, 'g'), (each) => `[\`${each}\`](${ERRORS})`);
      return `- ${linked}`;
    });
    return [isPromised ? 'Rejects with' : 'Throws', lines.join('\n')];
  }

  /** What stands below a signature. @param {Comment | undefined} comment @param {readonly Signature[]} signatures */
  details(comment, signatures) {
    const parameters = (signatures[0]?.parameters ?? []).filter((each) => each.hasComment());
    const list = parameters.map((each) => `- \`${each.name}\`: ${this.text(each.comment?.summary)}`);
    const [returns] = this.tags(comment, '@returns');
    const isPromised = signatures.some(({ type }) => type instanceof ReferenceType && type.name === 'Promise');
    return [
      ...(list.length > 0 ? [list.join('\n')] : []),
      ...(returns ? [`Returns ${returns}`] : []),
      ...this.throws(comment, isPromised),
      ...this.tags(comment, '@remarks'),
      ...this.tags(comment, '@example').map((text) => (text.startsWith('```') ? text : block(text))),
    ];
  }

  /** @param {Declaration} declared @param {number} level */
  callable(declared, level) {
    const signatures = declared.signatures ?? [];
    const before = declared.kindOf(ReflectionKind.Function) ? 'function ' : '';
    const isStatic = declared.flags.isStatic ? 'static ' : '';
    const name = declared.kind === ReflectionKind.Constructor ? `new ${declared.parent?.name}` : declared.name;
    const optional = declared.flags.isOptional ? '?' : '';
    const lines = signatures.map(
      (each) => `${signatureText(each, { before: `${before}${isStatic}${name}${optional}` })};`,
    );
    const comment = commentOf(declared);
    return [
      `${'#'.repeat(level)} ${titleOf(declared)}`,
      this.text(comment?.summary),
      block(...lines),
      ...this.details(comment, signatures),
    ];
  }

  /** @param {Declaration} property */
  defaultOf(property) {
    const [text] = this.tags(property.comment, '@default').concat(this.tags(property.comment, '@defaultValue'));
    const plain = text?.replaceAll(/^```\w*\n|\n```$/g, '').trim();
    if (plain === undefined) return '';
    return /^(?:[\d_.]+|true|false|'[^']*'|\[.*\]|\{.*\})$/.test(plain) ? code(plain) : inCell(plain);
  }

  /** A property, and those of the object that it is, if they are told about. @param {Declaration} property @param {string} [of] @returns {string[][]} */
  rows(property, of = '') {
    const name = `${of}${property.name}`;
    const inner = property.type instanceof ReflectionType ? (property.type.declaration.children ?? []) : [];
    const told = inner.filter((each) => each.hasComment());
    const type = told.length > 0 ? code('object') : this.type(property.type);
    return [
      [
        code(`${name}${property.flags.isOptional ? '?' : ''}`),
        type,
        inCell(this.text(property.comment?.summary)),
        this.defaultOf(property),
      ],
      ...told.flatMap((each) => this.rows(each, `${name}.`)),
    ];
  }

  /** @param {Declaration} declared @param {string} what */
  properties(declared, what) {
    const rows = propertiesOf(declared).flatMap((each) => this.rows(each));
    if (rows.length === 0) return [];
    const header = [what, 'type', 'what it says', 'default'];
    const hasDefaults = rows.some(([, , , byDefault]) => byDefault !== '');
    return [
      hasDefaults
        ? table(header, rows)
        : table(
            header.slice(0, 3),
            rows.map((row) => row.slice(0, 3)),
          ),
    ];
  }

  /** @param {Declaration} declared */
  extended(declared) {
    const names = (declared.extendedTypes ?? [])
      .filter((each) => !(each instanceof ReferenceType) || each.reflection !== undefined || each.name === 'Error')
      .map((each) => this.type(each));
    return names.length > 0 ? [`It has also what ${names.join(' and ')} ${names.length > 1 ? 'have' : 'has'}.`] : [];
  }

  /** @param {Declaration} declared */
  container(declared) {
    const { comment, typeParameters } = declared;
    const keyword = declared.kindOf(ReflectionKind.Class) ? 'class' : 'interface';
    const parameters = typeParameters?.map(({ name, type, default: byDefault }) =>
      [name, type && `extends ${typeText(type)}`, byDefault && `= ${typeText(byDefault)}`].filter(Boolean).join(' '),
    );
    const what = /Options$|^HttpRequest$/.test(declared.name) ? 'option' : 'member';
    return [
      `### ${titleOf(declared)}`,
      this.text(comment?.summary),
      ...(parameters ? [block(`${keyword} ${declared.name}<${parameters.join(', ')}>`)] : []),
      ...this.extended(declared),
      ...this.details(comment, []),
      ...this.properties(declared, what),
      ...methodsOf(declared).flatMap((each) => this.callable(each, 4)),
    ];
  }

  /** A union whose parts are told about. @param {UnionType} union */
  parts({ types, elementSummaries = [] }) {
    return table(
      ['one of', 'what it says'],
      types.map((each, at) => [this.type(each), inCell(this.text(elementSummaries[at]))]),
    );
  }

  /** @param {Declaration} declared */
  alias(declared) {
    const { comment, type } = declared;
    const title = [`### ${titleOf(declared)}`, this.text(comment?.summary)];
    if (type instanceof UnionType && type.elementSummaries) {
      return [...title, this.parts(type), ...this.details(comment, [])];
    }
    const parameters = declared.typeParameters?.map(({ name, type: bound }) =>
      bound ? `${name} extends ${typeText(bound)}` : name,
    );
    const start = `type ${declared.name}${parameters ? `<${parameters.join(', ')}>` : ''} =`;
    const line = `${start} ${typeText(type)};`;
    const lines =
      line.length > 110 && type instanceof UnionType
        ? [start, ...type.types.map((each, at) => `  | ${typeText(each)}${at === type.types.length - 1 ? ';' : ''}`)]
        : [line];
    return [...title, block(...lines), ...this.details(comment, [])];
  }

  /** @param {Declaration} declared @returns {string[]} */
  entry(declared) {
    if (isCallable(declared)) return this.callable(declared, 3);
    return declared.kindOf(CONTAINERS) ? this.container(declared) : this.alias(declared);
  }

  /** @param {Declaration} module */
  contents(module) {
    const references = (module.children ?? []).filter((each) => each.kindOf(ReflectionKind.Reference));
    const groups = GROUPS.map(({ heading, kinds }) => ({
      heading,
      rows: inGroup(module, kinds).map((each) => [`[\`${titleOf(each)}\`](${this.urlTo(each)})`, this.summary(each)]),
    }));
    const elsewhere = references.map((each) => {
      const target = /** @type {import('typedoc').ReferenceReflection} */ (each).getTargetReflectionDeep();
      return [`[\`${each.name}\`](${this.urlTo(target)})`, this.summary(/** @type {Declaration} */ (target))];
    });
    return [...groups, { heading: 'The same as in the other modules', rows: elsewhere }]
      .filter(({ rows }) => rows.length > 0)
      .flatMap(({ heading, rows }) => [`**${heading}**`, table(['export', 'what it is'], rows)]);
  }

  /** @param {Declaration} module @param {string} specifier */
  module(module, specifier) {
    const groups = GROUPS.flatMap(({ heading, kinds }) => {
      const exported = inGroup(module, kinds);
      return exported.length > 0 ? [`## ${heading}`, ...exported.flatMap((each) => this.entry(each))] : [];
    });
    return [
      `# ${specifier}`,
      this.text(module.comment?.summary),
      'Where a code of an error is named, [Errors](../errors.md) says when it comes and what to do.',
      '## Contents',
      ...this.contents(module),
      ...groups,
    ];
  }

  /** @param {import('typedoc').ProjectReflection} project @param {ReadonlyMap<string, string>} specifiers */
  index(project, specifiers) {
    const rows = (project.children ?? []).map((module) => [
      `[\`${specifiers.get(module.name)}\`](${module.name}.md)`,
      inCell(this.text(module.comment?.summary)),
    ]);
    return [
      '# API',
      'What the package exports: signatures, options with their units, defaults and bounds, errors and examples. These pages are made from the doc comments of the sources, which editors show as well.',
      table(['module', 'what it is for'], rows),
      'At a glance, with more words: [Options](../options.md), [Events](../events.md), [Errors](../errors.md), [States](../states.md).',
    ];
  }
}

/** The pages as typedoc's renderer wants them. @param {ReadonlyMap<string, string>} specifiers by the names of modules */
export const themeFor = (specifiers) =>
  class extends MarkdownTheme {
    /** @override @param {any} page */
    getRenderContext(page) {
      const context = new Page(this, page, this.application.options);
      const render = () => {
        const { model } = page;
        const parts =
          model.kind === ReflectionKind.Project
            ? context.index(model, specifiers)
            : context.module(model, specifiers.get(model.name) ?? model.name);
        return parts.filter((part) => part !== '').join('\n\n');
      };
      context.templates = { ...context.templates, reflection: render, index: render };
      return context;
    }
  };
