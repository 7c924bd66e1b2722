/**
 * Types as TypeScript writes them: as plain text for code blocks, and as Markdown with links for cells of tables.
 */
import {
  ArrayType,
  IntersectionType,
  LiteralType,
  OptionalType,
  PredicateType,
  ReferenceType,
  ReflectionType,
  TupleType,
  TypeOperatorType,
  UnionType,
} from 'typedoc';

/** @typedef {import('typedoc').SomeType | import('typedoc').Type} AnyType */
/** @typedef {import('typedoc').DeclarationReflection} Declaration */
/** @typedef {import('typedoc').SignatureReflection} Signature */

/**
 * What becomes of a name that has an entry of its own: its text, or a mark that is made a link later.
 *
 * @typedef {(name: string, reference: ReferenceType) => string} Naming
 */

/** @type {Naming} */
const plainly = (name) => name;

/** @param {string} name */
const key = (name) => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? name : `'${name}'`);

/** @param {readonly import('typedoc').TypeParameterReflection[] | undefined} parameters @param {Naming} naming */
const typeParametersText = (parameters, naming) => {
  if (!parameters?.length) return '';
  const texts = parameters.map(({ name, type, default: byDefault }) => {
    const bound = type ? ` extends ${typeText(type, naming)}` : '';
    return `${name}${bound}${byDefault ? ` = ${typeText(byDefault, naming)}` : ''}`;
  });
  return `<${texts.join(', ')}>`;
};

/** @param {import('typedoc').ParameterReflection} parameter @param {Naming} naming */
const parameterText = ({ name, type, flags, defaultValue }, naming) => {
  const optional = flags.isOptional || defaultValue !== undefined ? '?' : '';
  return `${flags.isRest ? '...' : ''}${name}${optional}: ${typeText(type, naming)}`;
};

/** The widest line of a code block. */
const WIDTH = 110;

/**
 * A signature without its name: `<T>(value: T): void`; on several lines if it is long.
 *
 * @param {Signature} signature
 * @param {{ naming?: Naming, arrow?: string, before?: string }} [options]
 */
export const signatureText = (signature, { naming = plainly, arrow = ': ', before } = {}) => {
  const parameters = (signature.parameters ?? []).map((each) => parameterText(each, naming));
  const start = `${before ?? ''}${typeParametersText(signature.typeParameters, naming)}`;
  const end = `${arrow}${typeText(signature.type, naming)}`;
  const line = `${start}(${parameters.join(', ')})${end}`;
  if (before === undefined || line.length < WIDTH || parameters.length === 0) return line;
  return `${start}(\n${parameters.map((each) => `  ${each},\n`).join('')})${end}`;
};

/** @param {Declaration} member @param {Naming} naming @returns {string[]} */
const memberTexts = (member, naming) => {
  const name = `${key(member.name)}${member.flags.isOptional ? '?' : ''}`;
  if (member.signatures) return member.signatures.map((each) => `${name}${signatureText(each, { naming })}`);
  return [`${name}: ${typeText(member.type, naming)}`];
};

/** @param {readonly string[]} members */
const braces = (members) => (members.length === 0 ? '{}' : `{ ${members.join('; ')} }`);

/** @param {ReflectionType} type @param {Naming} naming */
const objectText = ({ declaration }, naming) => {
  const { signatures = [], children = [], indexSignatures = [] } = declaration;
  const [only] = signatures;
  if (only && children.length === 0) return signatureText(only, { naming, arrow: ' => ' });
  const indexes = indexSignatures.map(({ parameters = [], type }) => {
    const keys = parameters.map((each) => parameterText(each, naming)).join(', ');
    return `[${keys}]: ${typeText(type, naming)}`;
  });
  return braces([...indexes, ...children.flatMap((each) => memberTexts(each, naming))]);
};

/** @param {AnyType} type @returns {type is ReflectionType} */
const isObject = (type) => type instanceof ReflectionType && !type.declaration.signatures;

/** Objects that are joined by `&` are one object to who reads. @param {IntersectionType} type @param {Naming} naming */
const intersectionText = ({ types }, naming) => {
  const objects = types.filter((each) => isObject(each));
  const members = objects.flatMap(({ declaration }) => declaration.children ?? []);
  const merged = members.length > 0 ? [braces(members.flatMap((each) => memberTexts(each, naming)))] : [];
  const others = types.filter((each) => !isObject(each));
  const isAlone = others.length + merged.length === 1;
  const texts = others.map((each) => (isAlone ? typeText(each, naming) : operandText(each, naming)));
  return [...texts, ...merged].join(' & ');
};

/** @param {AnyType} type @param {Naming} naming */
const operandText = (type, naming) => {
  const text = typeText(type, naming);
  const isFunction = type instanceof ReflectionType && !!type.declaration.signatures;
  return type instanceof UnionType || type instanceof IntersectionType || isFunction ? `(${text})` : text;
};

/** @param {ReferenceType} type @param {Naming} naming */
const referenceText = (type, naming) => {
  const { typeArguments, reflection } = type;
  const name = reflection ? naming(type.name, type) : type.name;
  if (!typeArguments?.length) return name;
  return `${name}<${typeArguments.map((each) => typeText(each, naming)).join(', ')}>`;
};

/** @param {AnyType | undefined} type @param {Naming} [naming] @returns {string} */
export const typeText = (type, naming = plainly) => {
  if (type === undefined) return 'unknown';
  if (type instanceof ReferenceType) return referenceText(type, naming);
  if (type instanceof ReflectionType) return objectText(type, naming);
  if (type instanceof UnionType) {
    return type.types
      .map((each) =>
        each instanceof ReflectionType
          ? operandText(each, naming).replace(/^\((\{.*\})\)$/s, '$1')
          : typeText(each, naming),
      )
      .join(' | ');
  }
  if (type instanceof IntersectionType) return intersectionText(type, naming);
  if (type instanceof ArrayType) return `${operandText(type.elementType, naming)}[]`;
  if (type instanceof TupleType) return `[${type.elements.map((each) => typeText(each, naming)).join(', ')}]`;
  if (type instanceof OptionalType) return `${operandText(type.elementType, naming)}?`;
  if (type instanceof TypeOperatorType) return `${type.operator} ${typeText(type.target, naming)}`;
  if (type instanceof LiteralType && typeof type.value === 'string') return `'${type.value}'`;
  if (type instanceof PredicateType) return `${type.name} is ${typeText(type.targetType, naming)}`;
  return type.toString();
};

/** Not in any type. */
const OPEN = '\u0001';
const CLOSE = '\u0002';

/** Code in a cell of a table. @param {string} text */
export const code = (text) => (text === '' ? '' : `\`${text.replaceAll('|', String.raw`\|`)}\``);

/**
 * A type as Markdown: code, in which names that have an entry are links.
 *
 * @param {AnyType | undefined} type @param {(reference: ReferenceType) => string | undefined} urlOf
 */
export const typeMarkdown = (type, urlOf) => {
  const text = typeText(type, (name, reference) => {
    const url = urlOf(reference);
    return url === undefined ? name : `${OPEN}[${code(name)}](${url})${CLOSE}`;
  });
  return text
    .split(new RegExp(`(${OPEN}[^${CLOSE}]*${CLOSE})`))
    .map((part) => (part.startsWith(OPEN) ? part.slice(1, -1) : code(part)))
    .join('');
};
