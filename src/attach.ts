/** Attaches a child's handle in another thread. */
import { ActorReader } from './kinds/actor/reader.js';
import { ActorWriter } from './kinds/actor/writer.js';
import { RemoteRef } from './messaging/remote-ref.js';
import { describeKind, propertyOf } from './core/describe.js';
import { CredentialReader } from './kinds/credential/reader.js';
import { BreakGlassReader } from './kinds/break-glass/break-glass-reader.js';
import { BreakGlassWriter } from './kinds/break-glass/break-glass-writer.js';
import { TokenvisorError } from './core/errors.js';
import {
  type LedgerView,
  RevocationLedgerReader,
  type TransferableLedger,
  type TransferableLedgerWriter,
} from './kinds/ledger/revocation-ledger-reader.js';
import { RevocationLedgerWriter } from './kinds/ledger/revocation-ledger-writer.js';
import { TokenSetReader } from './kinds/token-set/token-set-reader.js';
import { TokenSetWriter } from './kinds/token-set/token-set-writer.js';
import type { TransferableHandle, TransferableWriter } from './messaging/transferable.js';
import type { TableMemory } from './table/table-memory.js';

/** Writers whose port is already attached, by port. */
const lines = new WeakMap<object, RemoteRef>();

const isPort = (value: unknown): value is TransferableWriter['port'] =>
  typeof value === 'object' &&
  value !== null &&
  (['postMessage', 'close', 'on', 'once', 'unref'] as const).every(
    (method) => typeof propertyOf(value, method) === 'function',
  );

/** The writer for a port; the same for a port that is attached twice. */
const lineOf = (name: string, port: unknown): RemoteRef => {
  if (!isPort(port)) {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the port of the result of writer(), got ${describeKind(port)}. Post it with that port in the ` +
        'transfer list',
      { child: name },
    );
  }
  const line = lines.get(port) ?? new RemoteRef(name, port);
  lines.set(port, line);
  return line;
};

/** Checks a ledger's reading options. An incomplete handle must not be read with weaker ones. */
const ledgerView = (name: string, given: unknown): LedgerView => {
  const [cutoffs, requireStored, graceMs] = ['cutoffs', 'requireStored', 'graceMs'].map((key) =>
    propertyOf(given, key),
  );
  if (typeof cutoffs === 'boolean' && typeof requireStored === 'boolean' && Number.isFinite(graceMs)) {
    return { cutoffs, requireStored, graceMs: graceMs as number };
  }
  const message = `Expected the complete result of handle() or writer() of a ledger, got one without its cutoffs`;
  throw new TokenvisorError('LAYOUT_MISMATCH', message, { child: name });
};

/**
 * A child of any kind, as attach() returns it.
 *
 * @inline
 */
type Attached = ActorReader | BreakGlassReader | CredentialReader | TokenSetReader | RevocationLedgerReader<boolean>;

/**
 * A child, attached in this thread. Pass the result of `handle()`, by workerData, postMessage or a pool's task, to read
 * it. Reading needs no message to or from the original thread; it works in threads that are older than the child, and
 * while any other thread is blocked. Pass the result of `writer()` to call the child as well. The result has the
 * child's kind: a credential, a break-glass token, a token set, a ledger, or a custom child.
 *
 * @throws LAYOUT_MISMATCH if it is not a handle of this version.
 * @example
 * // worker.js
 * import { attach } from 'tokenvisor';
 * const github = attach(workerData.github);
 * github.current().authorization;
 */
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
export function attach(handle: TransferableHandle): Attached {
  const given: unknown = handle;
  // Untrusted: each property is read once, without throwing.
  const [tokenvisor, kind, name, memory, table, port] = (
    ['tokenvisor', 'kind', 'name', 'memory', 'table', 'port'] as const
  ).map((key) => propertyOf(given, key));
  if (tokenvisor !== 1 || typeof name !== 'string' || typeof kind !== 'string') {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected the result of a child's handle(), got ${describeKind(given)}`,
    );
  }
  const shared = memory as SharedArrayBuffer;
  // Only the actor writes to a credential, so it needs no port.
  if (kind === 'credential') return new CredentialReader(name, shared);
  // The reader refuses an invalid table.
  const rows = table as TableMemory;
  const line = port === undefined ? undefined : lineOf(name, port);
  switch (kind) {
    case 'breakGlass':
      return line ? new BreakGlassWriter(name, shared, line) : new BreakGlassReader(name, shared);
    case 'revocationLedger': {
      const view = ledgerView(name, given);
      if (!line) return new RevocationLedgerReader(name, shared, rows, view);
      return new RevocationLedgerWriter(name, shared, rows, view, line);
    }
    case 'tokenSet':
      return line ? new TokenSetWriter(name, shared, rows, line) : new TokenSetReader(name, shared, rows);
    case 'actor':
      return line ? new ActorWriter(name, shared, rows, line) : new ActorReader(name, shared, rows);
    default:
      throw new TokenvisorError(
        'LAYOUT_MISMATCH',
        `Expected a handle of a known kind, got one of '${kind.slice(0, 32)}'. Use one version of tokenvisor in all threads`,
        { child: name },
      );
  }
}
