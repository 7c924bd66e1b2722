/** A user's options of a child, and the common parts of all kinds. */
import { inspect } from 'node:util';
import {
  anyOf,
  list,
  number,
  object,
  oneOf,
  optional,
  type OptionalCheck,
  type Report,
  string,
} from '../config/check.js';
import { propertyOf } from '../core/describe.js';
import { DEFAULT_MAX_ENTRIES, MOST_ENTRIES } from '../table/table-memory.js';
import type { Health } from './child-status.js';
import type { AtomicWords } from '../memory/words.js';
import type { LocalRef } from '../messaging/local-ref.js';
import type { RestartType, Shutdown } from './core/terms.js';
import type { OnExit } from './core/types.js';

/** Options that every child takes. */
export interface ChildOptions {
  /**
   * As in OTP: `permanent` is always restarted, `transient` after an abnormal end only, `temporary` never.
   * @default 'permanent'
   */
  readonly restart?: RestartType;
  /**
   * How long a stop waits for the actor's `terminate`: ms (0 to 600,000), `brutal` for not at all, `infinity` for ever.
   * @default 5_000
   */
  readonly shutdown?: Shutdown;
  /**
   * More restarts than this within `maxSeconds` park the child: 0 to 500.
   * @default 3
   */
  readonly maxRestarts?: number;
  /**
   * The window in which restarts count against `maxRestarts`: seconds, 1 to 3,600.
   * @default 5
   */
  readonly maxSeconds?: number;
  /**
   * An actor whose event loop is silent for this long is ended with reason `hung`: ms, 200 to 600,000. Time in which
   * its thread waits for a processor does not count (on Linux). On an idle machine a hang is detected within twice this
   * time, or 1.2 s if that is longer; never before 0.6 s.
   * @default 10_000
   */
  readonly hangTimeoutMs?: number;
  /**
   * A start that takes longer fails: ms, 100 to 600,000. It includes the start of the thread. Time in which that waits
   * for a processor does not count (on Linux).
   * @default 30_000
   */
  readonly initTimeoutMs?: number;
  /**
   * How many messages of one caller may wait for the actor: 1 to 1,000,000.
   * @default 10_000
   */
  readonly mailboxLimit?: number;
  /**
   * The environment variables that the actor's thread gets; it has no others. Read at start.
   * @default []
   */
  readonly inheritEnv?: readonly string[];
  /**
   * Node's options for the actor's thread, for a loader: `['--import', 'tsx']`.
   * @default []
   */
  readonly execArgv?: readonly string[];
  /**
   * Limits of the actor's heap, as of worker_threads: MB, 1 to 65,536. An actor that exceeds them dies alone.
   * @default { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 }
   */
  readonly resourceLimits?: {
    /** The main heap. */
    readonly maxOldGenerationSizeMb?: number;
    /** The heap of young objects. */
    readonly maxYoungGenerationSizeMb?: number;
    /** Generated code. */
    readonly codeRangeSizeMb?: number;
    /** The stack. */
    readonly stackSizeMb?: number;
  };
}

/** {@link ChildOptions}, checked, with their defaults. */
export type CheckedChildOptions = Required<ChildOptions>;

const limit = optional(number({ min: 1, max: 65_536 }));

const resourceLimits = object({
  maxOldGenerationSizeMb: limit,
  maxYoungGenerationSizeMb: limit,
  codeRangeSizeMb: limit,
  stackSizeMb: limit,
});

const shutdown = anyOf<Shutdown>(
  "'brutal', 'infinity' or milliseconds from 0 to 600000",
  oneOf('brutal', 'infinity'),
  number({ min: 0, max: 600_000 }),
);

/** The common part of a kind's options: spread it into the shape of the whole. */
export const childShape = {
  restart: optional(oneOf('permanent', 'transient', 'temporary'), 'permanent'),
  shutdown: optional(shutdown, 5_000),
  maxRestarts: optional(number({ min: 0, max: 500, integer: true }), 3),
  maxSeconds: optional(number({ min: 1, max: 3_600 }), 5),
  hangTimeoutMs: optional(number({ min: 200, max: 600_000 }), 10_000),
  initTimeoutMs: optional(number({ min: 100, max: 600_000 }), 30_000),
  mailboxLimit: optional(number({ min: 1, max: 1_000_000, integer: true }), 10_000),
  inheritEnv: optional(list(string()), []),
  execArgv: optional(list(string()), []),
  resourceLimits: optional(resourceLimits, { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 }),
};

/** A check for the size of a table. */
export const maxEntries = (): OptionalCheck<number> =>
  optional(number({ min: 1, max: MOST_ENTRIES, integer: true }), DEFAULT_MAX_ENTRIES);

/** The prepared child that a kind makes from a user's options, on the starting thread. */
export interface PreparedChild {
  readonly child: CheckedChildOptions;
  /** The options for the actor: plain data and secret references. */
  readonly options: unknown;
  /** The key of these in the user's options, if they are not the whole: for the paths of problems. */
  readonly optionsKey?: string;
  /** Maps a path in `options` to the user's path, if it differs: for the paths of problems. */
  readonly placeOf?: (path: string) => string;
  /** False if the child writes to a place that can't be fenced. */
  readonly fenceable: boolean;
  /** Its table, if it has one. A table can't be fenced. */
  readonly table?: { readonly maxEntries: number };
  /** What happens to its snapshot when its thread has ended; kept by default. */
  readonly onExit?: OnExit;
}

/** What a kind makes of a change of a user's options. */
export interface UpdatedChild {
  readonly prepared: PreparedChild;
  /** All options after the change: the base of the next change. */
  readonly options: unknown;
}

/** What `update()` was called with, and what it is to change. */
export interface UpdateRequest {
  /** The user's options so far, and what is to change of them. */
  readonly current: unknown;
  readonly change: unknown;
  /** How: the second argument of `update()`. */
  readonly how: unknown;
  /** The options of the running actor, their references resolved: {@link PreparedChild.options}. */
  readonly running: unknown;
}

/** What every handle has for its supervisor. */
export interface SupervisedHandle {
  health(): Health;
  isReady(): boolean;
  /** The last failed mint, if none has succeeded since. */
  failure?(): Error | undefined;
  changeWord(): { readonly words: AtomicWords; readonly index: number };
}

/**
 * Which strings of a kind's memory are secrets: members of the object that it publishes or seals, or `all` of them. They are
 * redacted from the errors that a child dies of.
 */
export interface SecretsOfKind {
  readonly published: readonly string[] | 'all';
  readonly sealed: readonly string[] | 'all';
}

/** A kind of child: the module that runs in its thread, and what its users hold. */
export interface Kind<Handle> {
  /** Its name in `handle()` and `whichChildren()`. */
  readonly name: string;
  /** The module, by its `file:` URL or as packageModule() names one of ours, and the name of the behaviour in it. */
  readonly module: string;
  readonly export: string;
  /**
   * The index of the child's word with the second of the wall clock until which readers trust the rest (see
   * `memory/valid-until`), if it has one: if no actor corrects it after a step of the clock, the supervisor closes it.
   */
  readonly validUntilWord?: number;
  /** Checks the options and reports every problem with its path. */
  prepare(options: unknown, path: string, report: Report): PreparedChild;
  /** What `update()` was given, checked, over the options so far. Absent: a kind whose options can't be changed. */
  update?(request: UpdateRequest, path: string, report: Report): UpdatedChild;
  createHandle(ref: LocalRef): SupervisedHandle;
  /** What the starting thread's users get in place of the handle, if the user has given a function for it. */
  createClient?(handle: SupervisedHandle): Handle;
  /** Which strings of its memory are secrets; see {@link SecretsOfKind}. */
  readonly secrets: SecretsOfKind;
}

const brand = Symbol.for('tokenvisor.child-spec');

/**
 * The result of `credential()` and `actor()`, and the input of `startSupervisor()` and `startChild()`. Opaque; it
 * prints as its kind, without the options. `Handle` is the type of the child's handle in the starting thread.
 */
export interface ChildSpec<Handle = unknown> {
  readonly [brand]: true;
  /** @hidden */
  readonly kind: Kind<Handle>;
  /** @hidden */
  readonly options: unknown;
}

/** The handle of a spec: `HandleOf<typeof spec>`. */
export type HandleOf<Spec> = Spec extends ChildSpec<infer Handle> ? Handle : never;

/** Prints as its kind: a custom kind's options may hold secrets, and a spec is easily logged. */
class Spec<Handle> implements ChildSpec<Handle> {
  readonly [brand] = true;
  readonly kind: Kind<Handle>;
  readonly #options: unknown;

  constructor(kind: Kind<Handle>, options: unknown) {
    this.kind = kind;
    this.#options = options;
  }

  get options(): unknown {
    return this.#options;
  }

  toString(): string {
    return `ChildSpec(${this.kind.name})`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

export const childSpec = <Handle>(kind: Kind<Handle>, options: unknown): ChildSpec<Handle> => new Spec(kind, options);

/** A check for a value of {@link ChildSpec}. */
export const isChildSpec = (value: unknown): value is ChildSpec =>
  typeof value === 'object' && propertyOf(value, brand) === true;
