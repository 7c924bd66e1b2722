/**
 * The options of a supervisor, and the check of a whole configuration: once, at the start, all problems in one error.
 */
import {
  boolean,
  configError,
  custom,
  number,
  object,
  oneOf,
  optional,
  readAll,
  type Report,
} from '../../config/check.js';
import { describeKind, describeValue, isPlainObject } from '../../core/describe.js';
import { TokenvisorError, type ConfigProblem } from '../../core/errors.js';
import { isUrl } from '../../core/realm.js';
import { allocateChildMemory, type ChildMemory } from '../../memory/child-memory.js';
import {
  encodeOptions,
  referencedTokens,
  resolveReferences,
  type ReferenceScope,
  type WireOptions,
} from '../../secrets/reference-tree.js';
import { type ChildSpec, isChildSpec, type Kind, type PreparedChild } from '../kind.js';
import { hasWebAssembly } from '../../table/web-assembly.js';
import { allocateTable } from '../../table/table-memory.js';
import { circleOf } from './token-circle.js';
import type { SupervisorRules } from '../core/types.js';

/** Options of `startSupervisor`. */
export interface SupervisorOptions {
  /**
   * What happens when a child is restarted too often. `child`: it alone is parked, and tried again after 60 s, doubling
   * to 10 min. `supervisor`: exactly as OTP: restarts of all children count together against `maxRestarts` and
   * `maxSeconds` below, there is no back-off, and at the limit all children are stopped.
   * @default 'child'
   */
  readonly escalation?: 'child' | 'supervisor';
  /**
   * With `escalation: 'supervisor'`: more restarts than this within `maxSeconds` end the supervisor: 0 to 500.
   * @default 3
   */
  readonly maxRestarts?: number;
  /**
   * With `escalation: 'supervisor'`: the window in which restarts count: seconds, 1 to 3,600.
   * @default 5
   */
  readonly maxSeconds?: number;
  /**
   * How many threads boot at once, at the start, by `startChild()` or in a restart: 1 to 64. A boot counts for 5 s at most.
   * @default 4
   */
  readonly startConcurrency?: number;
  /**
   * A killed thread that has not exited after this time is a zombie: ms, 100 to 600,000.
   * @default 10_000
   */
  readonly zombieAfterMs?: number;
  /**
   * How long a child that was restarted too often is parked at first: ms, 10 to 3,600,000. It doubles up to
   * `parkMaxMs`.
   * @default 60_000
   */
  readonly parkMs?: number;
  /**
   * The longest that it is parked: ms, 10 to 3,600,000.
   * @default 600_000
   */
  readonly parkMaxMs?: number;
  /**
   * Holds the process open until `close()` or `unref()`.
   * @default false
   */
  readonly ref?: boolean;
  /**
   * Where a bundler has put dist/runtime/supervisor-entry.cjs; the rest of dist must be beside it, unchanged.
   * @default found beside this module
   */
  readonly workerUrl?: URL;
}

const shape = object({
  escalation: optional(oneOf('child', 'supervisor'), 'child'),
  maxRestarts: optional(number({ min: 0, max: 500, integer: true }), 3),
  maxSeconds: optional(number({ min: 1, max: 3_600 }), 5),
  startConcurrency: optional(number({ min: 1, max: 64, integer: true }), 4),
  zombieAfterMs: optional(number({ min: 100, max: 600_000 }), 10_000),
  parkMs: optional(number({ min: 10, max: 3_600_000 }), 60_000),
  parkMaxMs: optional(number({ min: 10, max: 3_600_000 }), 600_000),
  ref: optional(boolean(), false),
  workerUrl: optional(
    custom(
      'a file: URL without a host',
      (value): value is URL => isUrl(value) && value.protocol === 'file:' && !value.host,
    ),
  ),
});

export interface CheckedSupervisorOptions {
  readonly rules: SupervisorRules;
  readonly ref: boolean;
  readonly workerUrl?: URL;
}

/** A checked child: its options are ready to cross. */
export interface CheckedChild extends PreparedChild {
  readonly name: string;
  readonly spec: ChildSpec;
  /** Its options, from encodeOptions. */
  readonly wire: WireOptions;
  /** The environment that its thread gets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memory: ChildMemory;
}

/** The shared memory of the credential of that name, for those that refer to its token. */
export type TokenMemory = ReferenceScope['tokenMemory'];

export interface CheckedConfiguration {
  readonly children: readonly CheckedChild[];
  readonly supervisor: CheckedSupervisorOptions;
}

/** Names are used in paths, events and logs. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.:@/-]{0,99}$/u;

const NAME_IN_WORDS = 'a name of 1 to 100 letters, digits, or _ . : @ / -, the first a letter, a digit or _';

/** Resolves and encodes the result of a kind's `prepare`, and reports its problems. */
export const encodePrepared = (
  prepared: PreparedChild,
  path: string,
  report: Report,
  tokenMemory: TokenMemory,
): { readonly wire: WireOptions; readonly environment: Readonly<Record<string, string>> } => {
  const { placeOf = (at: string) => at } = prepared;
  const tell = ({ path: at, expected, came }: ConfigProblem): void => report(placeOf(at), expected, came);
  const optionsPath = prepared.optionsKey === undefined ? path : `${path}.${prepared.optionsKey}`;
  const scope = { environment: process.env, tokenMemory };
  const { options, problems } = resolveReferences(prepared.options, scope, optionsPath);
  problems.forEach(tell);
  const environment: Record<string, string> = {};
  prepared.child.inheritEnv.forEach((name, index) => {
    // What an environment inherits (`constructor`) is no variable.
    const value: unknown = process.env[name];
    if (typeof value === 'string') environment[name] = value;
    else
      report(`${path}.inheritEnv[${index}]`, `the name of a set environment variable`, `'${name}', which is not set`);
  });
  try {
    return { wire: encodeOptions(options, optionsPath), environment };
  } catch (error) {
    if (!(error instanceof TokenvisorError) || !error.problems) throw error;
    error.problems.forEach(tell);
    return { wire: { options: undefined, references: [] }, environment };
  }
};

const checkChild = (
  name: string,
  spec: unknown,
  report: Report,
  tokenMemory: TokenMemory,
  memory = allocateChildMemory(),
): CheckedChild | undefined => {
  if (typeof name !== 'string' || !NAME.test(name)) {
    report(typeof name === 'string' ? JSON.stringify(name.slice(0, 128)) : 'name', NAME_IN_WORDS, describeValue(name));
    return undefined;
  }
  if (!isChildSpec(spec)) {
    report(name, 'the result of credential() or actor()', describeValue(spec));
    return undefined;
  }
  if (!isPlainObject(spec.options)) {
    report(name, 'an object of options', describeKind(spec.options));
    return undefined;
  }
  const prepared = spec.kind.prepare(spec.options, name, report);
  return { name, spec, memory, ...prepared, ...encodePrepared(prepared, name, report, tokenMemory) };
};

/**
 * Allocates the child's table, after all checks, because its full address space is reserved at once.
 *
 * @throws START_FAILED if there is not enough.
 */
const withTable = (child: CheckedChild): CheckedChild => {
  if (!child.table) return child;
  try {
    return { ...child, memory: { ...child.memory, table: allocateTable(child.table) } };
  } catch (error) {
    const message = hasWebAssembly()
      ? `Expected 10 GB of address space (not of memory) for the table of '${child.name}', got less: use fewer tables in ` +
        'this process, or raise its limit (ulimit -v)'
      : `Expected WebAssembly, which the table of '${child.name}' needs, got a Node without it: start it without --jitless`;
    throw new TokenvisorError('START_FAILED', message, { child: child.name, cause: error });
  }
};

/** Runs `checks`, and throws one CONFIG_INVALID with all that they reported. */
export const checkAll = <T>(checks: (report: Report) => T, child?: string): T => {
  const problems: ConfigProblem[] = [];
  const value = checks((path, expected, came) => problems.push({ path, expected, came }));
  // A kind that rejects its options may report the same problem twice.
  const seen = new Set<string>();
  const unique = problems.filter(({ path }) => !seen.has(path) && seen.add(path));
  if (unique.length > 0) throw configError(unique, child);
  return value;
};

export const checkConfiguration = (children: unknown, options: unknown): CheckedConfiguration => {
  const configuration = checkAll((report) => {
    const { ref, workerUrl, ...rules } = shape(options ?? {}, 'options', report);
    if (!isPlainObject(children)) report('children', 'an object of children by name', describeValue(children));
    const specs = isPlainObject(children) ? Object.entries(readAll(children, 'children', report)) : [];
    // All memory first: a child may refer to a later one.
    const memories = new Map(specs.map(([name]) => [name, allocateChildMemory()]));
    const tokenMemory: TokenMemory = (name) =>
      specs.some(([other, spec]) => other === name && isChildSpec(spec) && isCredential(spec.kind))
        ? memories.get(name)?.shared
        : undefined;
    const checked = specs
      .map(([name, spec]) => checkChild(name, spec, report, tokenMemory, memories.get(name)))
      .filter((child) => child !== undefined);
    for (const { name } of checked) refuseCircle(name, checked, report);
    return {
      children: checked,
      supervisor: { rules, ref, ...(isUrl(workerUrl) && { workerUrl: new URL(workerUrl.href) }) },
    };
  });
  return { ...configuration, children: configuration.children.map(withTable) };
};

/** True for a child whose token others can refer to. */
export const isCredential = ({ name }: Kind<unknown>): boolean => name === 'credential';

/** A child's name and references. */
export interface Referring {
  readonly name: string;
  readonly wire: WireOptions;
}

/** Refuses a circle of references: credentials minted from one another would all wait for ever. */
export const refuseCircle = (name: string, children: readonly Referring[], report: Report): void => {
  const circle = circleOf(name, (of) => {
    const child = children.find((one) => one.name === of);
    return child ? referencedTokens(child.wire) : [];
  });
  if (circle) report(name, 'minted without a circle of tokens', `the circle ${circle.join(' -> ')}`);
};

/** Checks a child against the existing ones: a child that reuses the name of a removed one may close a circle too. */
export const checkOneChild = (
  name: string,
  spec: unknown,
  tokenMemory: TokenMemory,
  others: readonly Referring[] = [],
): CheckedChild =>
  withTable(
    checkAll((report) => {
      const child = checkChild(name, spec, report, tokenMemory);
      // A child that refers to itself refers to one that does not exist yet, which has been reported.
      if (child && !referencedTokens(child.wire).includes(name)) refuseCircle(name, [child, ...others], report);
      return child;
    }, name)!,
  );
