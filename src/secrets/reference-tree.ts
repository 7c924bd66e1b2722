/**
 * Options that contain references to secrets and to other credentials' tokens: resolved on the starting thread, sent to
 * the actor, restored there.
 *
 * A class instance does not survive a structured clone, so the references travel beside the options, each with its
 * path. A marker inside the options could clash with a user's data.
 */
import { types } from 'node:util';
import { TokenvisorError, type ConfigProblem } from '../core/errors.js';
import { joinPath } from '../config/check.js';
import { describeValue, isPlainObject, itemsOf } from '../core/describe.js';
import { SecretReference, carriedValue, readSecret, type SecretKind } from './references.js';
import { TokenReference, referencedMemory } from './token-reference.js';

type Key = string | number;

type Reference = SecretReference | TokenReference;

interface WireSecret {
  readonly path: readonly Key[];
  readonly kind: SecretKind;
  readonly name: string;
  readonly value?: string;
}

interface WireToken {
  readonly path: readonly Key[];
  readonly kind: 'token';
  readonly name: string;
  readonly memory?: SharedArrayBuffer;
}

/** Options as sent to a thread. It holds secrets in plain text: post it, never print it. */
export interface WireOptions {
  readonly options: unknown;
  readonly references: readonly (WireSecret | WireToken)[];
}

/** The source of references: the starting thread's environment and its credentials. */
export interface ReferenceScope {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The shared memory of the credential of that name. */
  readonly tokenMemory: (name: string) => SharedArrayBuffer | undefined;
}

/**
 * A new tree with every `env()` and `tokenOf()` resolved. A reference that can't be resolved is a problem and stays
 * unchanged. Call it on the thread that has the environment.
 */
export const resolveReferences = <T>(
  options: T,
  { environment, tokenMemory }: ReferenceScope,
  path = '',
): { readonly options: T; readonly problems: readonly ConfigProblem[] } => {
  const problems: ConfigProblem[] = [];
  const resolved = mapReferences(options, path, (reference, at) => {
    if (reference instanceof TokenReference) {
      const memory = referencedMemory(reference) ?? tokenMemory(reference.name);
      if (memory) return new TokenReference(reference.name, memory);
      const came = `${describeValue(reference.name)}, which does not exist`;
      problems.push({ path: at, expected: 'the name of a credential of this supervisor', came });
      return reference;
    }
    if (reference.kind !== 'env' || carriedValue(reference) !== undefined) return reference;
    // An inherited property (`constructor`) is not a variable.
    const found: unknown = environment[reference.name];
    const value = typeof found === 'string' ? found : undefined;
    if (value !== undefined && value !== '') return new SecretReference('env', reference.name, value);
    const came = value === undefined ? 'an unset one' : 'an empty one';
    problems.push({ path: at, expected: `a set environment variable, ${reference.name}`, came });
    return reference;
  });
  return { options: resolved as T, problems };
};

/**
 * Options in a form that survives a structured clone.
 *
 * @throws `NOT_CLONEABLE` with a problem and its path for every value that can't be cloned
 */
export const encodeOptions = (options: unknown, path = 'options'): WireOptions => {
  const references: (WireSecret | WireToken)[] = [];
  const problems: ConfigProblem[] = [];
  const plain = encode(options, [], path, new Set(), references, problems);
  if (problems.length > 0) {
    const listed = problems.map(({ path: at, came }) => `\`${at}\` is ${came}`).join('; ');
    throw new TokenvisorError('NOT_CLONEABLE', `Only plain data can cross to the actor's thread: ${listed}`, {
      problems,
    });
  }
  return { options: plain, references };
};

/** Restores the options of {@link encodeOptions}. */
export const decodeOptions = (wire: WireOptions): unknown => {
  let root = wire.options;
  for (const wired of wire.references) {
    const { path, kind, name } = wired;
    const reference =
      kind === 'token' ? new TokenReference(name, wired.memory) : new SecretReference(kind, name, wired.value);
    if (path.length === 0) root = reference;
    else {
      const parent = path.slice(0, -1).reduce<unknown>((node, key) => (node as Record<Key, unknown>)[key], root);
      (parent as Record<Key, unknown>)[path.at(-1)!] = reference;
    }
  }
  return root;
};

/** The names of the credentials whose tokens the options refer to, without duplicates. */
export const referencedTokens = ({ references }: WireOptions): readonly string[] => [
  ...new Set(references.flatMap(({ kind, name }) => (kind === 'token' ? [name] : []))),
];

/** The same options, with the references to that credential's token pointing to other memory. */
export const repointed = (wire: WireOptions, name: string, memory: SharedArrayBuffer): WireOptions => ({
  ...wire,
  references: wire.references.map((one) => (one.kind === 'token' && one.name === name ? { ...one, memory } : one)),
});

/** The paths of the secret files in the options, without duplicates, for the actor to watch. */
export const secretFiles = (options: unknown): readonly string[] => [
  ...new Set(secretsIn(options).flatMap(({ kind, name }) => (kind === 'file' ? [name] : []))),
];

/** Every secret in the options that can be read now, for redaction. Blocks for the reads of files. */
export const secretValues = (options: unknown): readonly string[] =>
  secretsIn(options).flatMap((reference) => {
    try {
      return [readSecret(reference)];
    } catch {
      return []; // A secret that can't be read can't have been printed either.
    }
  });

/** Every reference to another credential's token in the options. */
export const tokenReferences = (options: unknown): readonly TokenReference[] =>
  referencesIn(options).filter((reference) => reference instanceof TokenReference);

const secretsIn = (options: unknown): readonly SecretReference[] =>
  referencesIn(options).filter((reference) => reference instanceof SecretReference);

const referencesIn = (options: unknown): readonly Reference[] => {
  const found: Reference[] = [];
  mapReferences(options, '', (reference) => {
    found.push(reference);
    return reference;
  });
  return found;
};

/**
 * A copy of plain objects and lists, with each reference replaced. Everything else is kept, also values that can't be
 * cloned.
 */
const mapReferences = (
  node: unknown,
  path: string,
  replace: (reference: Reference, path: string) => Reference,
  above: readonly unknown[] = [],
): unknown => {
  if (node instanceof SecretReference || node instanceof TokenReference) return replace(node, path);
  // A cycle, or nesting that is as deep: encodeOptions reports it.
  if (above.length >= MAX_DEPTH || above.includes(node)) return node;
  const deeper = [...above, node];
  const items = itemsOf(node);
  if (items) return items.map((item, index) => mapReferences(item, joinPath(path, index), replace, deeper));
  const entries = entriesOf(node);
  if (!entries) return node;
  return Object.fromEntries(
    entries.map(([key, item]) => [key, mapReferences(item, joinPath(path, key), replace, deeper)]),
  );
};

const encode = (
  node: unknown,
  place: readonly Key[],
  path: string,
  above: ReadonlySet<unknown>,
  references: (WireSecret | WireToken)[],
  problems: ConfigProblem[],
): unknown => {
  if (node instanceof SecretReference) {
    const value = carriedValue(node);
    references.push({ path: place, kind: node.kind, name: node.name, ...(value === undefined ? {} : { value }) });
    return null;
  }
  if (node instanceof TokenReference) {
    const memory = referencedMemory(node);
    references.push({ path: place, kind: 'token', name: node.name, ...(memory && { memory }) });
    return null;
  }
  if (isCloneableLeaf(node)) return node;
  const within = new Set(above).add(node);
  const isNew = !above.has(node) && above.size < MAX_DEPTH;
  const items = isNew ? itemsOf(node) : undefined;
  if (items) {
    return items.map((item, index) =>
      encode(item, [...place, index], joinPath(path, index), within, references, problems),
    );
  }
  const entries = isNew ? entriesOf(node) : undefined;
  if (entries) {
    return Object.fromEntries(
      entries.map(([key, item]) => {
        return [key, encode(item, [...place, key], joinPath(path, key), within, references, problems)];
      }),
    );
  }
  const tooDeep = above.size >= MAX_DEPTH ? `nested in ${MAX_DEPTH} others` : describeValue(node);
  const came = above.has(node) ? 'a cycle' : tooDeep;
  problems.push({ path, expected: 'plain data: JSON, bytes, dates, secret references', came });
  return null;
};

const isCloneableLeaf = (node: unknown): boolean => {
  if (node === null || (typeof node !== 'object' && typeof node !== 'function' && typeof node !== 'symbol'))
    return true;
  if (types.isAnyArrayBuffer(node)) return !isDetached(node);
  if (ArrayBuffer.isView(node)) return !isDetached(node.buffer);
  return types.isDate(node) || types.isRegExp(node);
};

/** Memory that was transferred to another thread can't be cloned. */
const isDetached = (buffer: ArrayBufferLike): boolean => {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
};

/** Deeper than any real options. The walk is recursive. */
const MAX_DEPTH = 100;

/** The entries of a readable plain object; undefined for anything else. */
const entriesOf = (node: unknown): [string, unknown][] | undefined => {
  try {
    return isPlainObject(node) ? Object.entries(node) : undefined;
  } catch {
    return undefined;
  }
};
