/**
 * A child's handle in another thread.
 */
import { ActorReader } from './actor/actor-reader.js';
import { describeKind } from './config/describe.js';
import { CredentialReader } from './credential/reader.js';
import { TokenvisorError } from './errors.js';
import type { TransferableHandle } from './supervision/actor-door.js';

/**
 * Reads a child from this thread: pass it what `handle()` returned, by workerData, postMessage or a pool's task. It
 * needs no message to or from the thread that it came from; it works in threads that are older than the child, and
 * while any other thread is blocked. It returns what the child is: a credential, or a child of one's own.
 *
 * @throws LAYOUT_MISMATCH for anything that is no handle of this version.
 * @example
 * // worker.js
 * import { attach } from 'tokenvisor';
 * const github = attach(workerData.github);
 * github.current().authorization;
 */
export function attach(handle: TransferableHandle<'credential'>): CredentialReader;
export function attach(handle: TransferableHandle<'actor'>): ActorReader;
export function attach(handle: TransferableHandle): ActorReader | CredentialReader;
export function attach(handle: TransferableHandle): ActorReader | CredentialReader {
  const given: unknown = handle;
  const { tokenvisor, kind, name, memory } = (given ?? {}) as Readonly<Record<keyof TransferableHandle, unknown>>;
  if (tokenvisor !== 1 || typeof name !== 'string' || typeof kind !== 'string') {
    throw new TokenvisorError(
      'LAYOUT_MISMATCH',
      `Expected what handle() of a child returned, got ${describeKind(given)}`,
    );
  }
  const shared = memory as SharedArrayBuffer;
  return kind === 'credential' ? new CredentialReader(name, shared) : new ActorReader(name, shared);
}
