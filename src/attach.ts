/**
 * A child's handle in another thread.
 */
import { describeKind, describeValue, isObjectToHold, propertyOf } from './core/describe.js';
import { TokenvisorError } from './core/errors.js';
import { attachableActor } from './kinds/actor/attachable.js';
import type { ActorWriter } from './kinds/actor/client.js';
import type { ActorReader } from './kinds/actor/reader.js';
import { attachableBreakGlass } from './kinds/break-glass/attachable.js';
import type { BreakGlassWriter } from './kinds/break-glass/break-glass-client.js';
import type { BreakGlassReader } from './kinds/break-glass/break-glass-reader.js';
import { attachableCredential } from './kinds/credential/attachable.js';
import type { CredentialReader } from './kinds/credential/reader.js';
import { attachableLedger } from './kinds/ledger/attachable.js';
import type { RevocationLedgerWriter } from './kinds/ledger/revocation-ledger-client.js';
import type {
  RevocationLedgerReader,
  TransferableLedger,
  TransferableLedgerWriter,
} from './kinds/ledger/revocation-ledger-reader.js';
import { attachableTokenSet } from './kinds/token-set/attachable.js';
import type { TokenSetWriter } from './kinds/token-set/token-set-client.js';
import type { TokenSetReader } from './kinds/token-set/token-set-reader.js';
import type { AttachableKind } from './messaging/attachable.js';
import { RemoteRef } from './messaging/remote-ref.js';
import type { SharedChild, TransferableHandle, TransferableWriter } from './messaging/transferable.js';

/** The built-in kinds, by the `kind` of their handles. A static table: nothing registers itself when it is imported. */
const KINDS: Readonly<Record<string, AttachableKind>> = {
  actor: attachableActor,
  breakGlass: attachableBreakGlass,
  credential: attachableCredential,
  revocationLedger: attachableLedger,
  tokenSet: attachableTokenSet,
};

/** References whose port has been attached already, by port: a second `attach()` shares the first one's. */
const refs = new WeakMap<object, RemoteRef>();

const isPort = (value: unknown): value is TransferableWriter['port'] =>
  typeof value === 'object' &&
  value !== null &&
  (['postMessage', 'close', 'on', 'once', 'unref'] as const).every(
    (method) => typeof propertyOf(value, method) === 'function',
  );

const refOf = (child: SharedChild, port: unknown): RemoteRef => {
  if (!isPort(port)) {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the port of the result of writer(), got ${describeKind(port)}. Post it with that port in the ` +
        'transfer list',
      { child: child.name },
    );
  }
  const ref = refs.get(port) ?? new RemoteRef(child, port);
  refs.set(port, ref);
  return ref;
};

/** For a handle of `actor()`: what `attach()` is to return in place of the {@link ActorReader}. */
export interface AttachReaderOptions<Reader extends object> {
  /** Makes it, of the reader that `attach()` returns otherwise. */
  readonly reader: (base: ActorReader) => Reader;
}

/** For a writer of `actor()`: what `attach()` is to return in place of the {@link ActorWriter}. */
export interface AttachWriterOptions<Writer extends object> {
  /** Makes it, of the writer that `attach()` returns otherwise. */
  readonly writer: (base: ActorWriter) => Writer;
}

/** @inline */
type Attached = ActorReader | BreakGlassReader | CredentialReader | TokenSetReader | RevocationLedgerReader<boolean>;

/**
 * A child in this thread: pass it what `handle()` returned, by workerData, postMessage or a pool's task, to read it. It
 * needs no message to or from the thread that the handle came from; it works in threads that are older than the child, and
 * while any other thread is blocked. Pass it what `writer()` resolved with, to call the child as well.
 *
 * The children of a kind of your own may have a reader and a writer of your own: `reader` and `writer` make them.
 *
 * @throws LAYOUT_MISMATCH for anything but a handle of this version, CONFIG_INVALID for options that can't be used.
 * @example
 * // worker.js
 * import { attach } from 'tokenvisor';
 * const github = attach(workerData.github);
 * github.current().authorization;
 * const rates = attach(workerData.rates, { reader: (base) => ({ all: () => base.snapshot() }) });
 */
export function attach<Writer extends object>(
  writer: TransferableWriter<'actor'>,
  options: AttachWriterOptions<Writer>,
): Writer;
export function attach<Reader extends object>(
  handle: TransferableHandle<'actor'>,
  options: AttachReaderOptions<Reader>,
): Reader;
export function attach(handle: TransferableHandle<'credential'>): CredentialReader;
export function attach(writer: TransferableWriter<'actor'>): ActorWriter;
export function attach(writer: TransferableWriter<'breakGlass'>): BreakGlassWriter;
export function attach(writer: TransferableWriter<'tokenSet'>): TokenSetWriter;
export function attach<Cutoffs extends boolean>(
  writer: TransferableLedgerWriter<Cutoffs>,
): RevocationLedgerWriter<Cutoffs>;
export function attach<Cutoffs extends boolean>(handle: TransferableLedger<Cutoffs>): RevocationLedgerReader<Cutoffs>;
export function attach(handle: TransferableHandle<'actor'>): ActorReader;
export function attach(handle: TransferableHandle<'breakGlass'>): BreakGlassReader;
export function attach(handle: TransferableHandle<'tokenSet'>): TokenSetReader;
export function attach(handle: TransferableHandle): Attached;
export function attach(handle: TransferableHandle, options?: unknown): unknown {
  const given: unknown = handle;
  // Each member is read once, without a throw: the value may be anything.
  const [tokenvisor, kind, name, memory, table, port] = (
    ['tokenvisor', 'kind', 'name', 'memory', 'table', 'port'] as const
  ).map((key) => propertyOf(given, key));
  if (tokenvisor !== 1 || typeof name !== 'string' || typeof kind !== 'string') {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the result of a child's handle(), got ${describeKind(given)}`,
    );
  }
  // The readers check the memory and the table.
  const child = { name, memory, table } as SharedChild;
  const attachable = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (!attachable) {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the handle of a kind that this version has, got one of '${kind.slice(0, 32)}'. Use one version of tokenvisor in all threads`,
      { child: name },
    );
  }
  const wrap = wrapperOf(options, kind, port === undefined ? 'reader' : 'writer', name);
  if (port === undefined || !attachable.writer) return wrap(attachable.reader(child, given));
  return wrap(attachable.writer(refOf(child, port), given));
}

/** The user's function that makes a reader or a writer of its own, checked; the identity if there is none. */
const wrapperOf = (
  options: unknown,
  kind: string,
  which: 'reader' | 'writer',
  child: string,
): ((base: unknown) => unknown) => {
  if (options === undefined) return (base) => base;
  const make = propertyOf(options, which);
  const other = which === 'reader' ? 'writer' : 'reader';
  const problem =
    kind !== 'actor'
      ? `no options for a child of kind '${kind}': \`reader\` and \`writer\` are for children of actor()`
      : propertyOf(options, other) !== undefined
        ? `\`${which}\` for what ${which === 'reader' ? 'handle' : 'writer'}() returned, got \`${other}\``
        : typeof make !== 'function'
          ? `\`${which}\` to be a function that makes a ${which}, got ${describeValue(make)}`
          : undefined;
  if (problem !== undefined) throw new TokenvisorError('CONFIG_INVALID', `Expected ${problem}`, { child });
  return (base) => objectOf((make as (base: unknown) => unknown)(base), which, child);
};

const objectOf = (made: unknown, which: string, child: string): object => {
  if (isObjectToHold(made)) return made;
  throw new TokenvisorError('CONFIG_INVALID', `Expected \`${which}\` to return an object, got ${describeValue(made)}`, {
    child,
  });
};
