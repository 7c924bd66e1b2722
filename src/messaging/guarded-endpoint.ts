/**
 * A filter in front of a port: Comlink treats every message as a request. A malformed one throws in its listener, which
 * ends the thread; and a path may lead from a method to anything, by `constructor` to code.
 */
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { Endpoint } from 'comlink';
import { describeKind } from '../core/describe.js';

/** Serves calls of these methods by name; any other message is reported and dropped. */
export const guardedEndpoint = (
  port: MessagePort,
  methods: readonly string[],
  onStrange: (message: unknown) => void = () => undefined,
): Endpoint => {
  const known = new Map<unknown, (event: Event) => void>();
  const endpoint = port as unknown as Endpoint;
  return {
    postMessage: (message: unknown, transfer?: unknown) =>
      port.postMessage(message, (transfer ?? []) as readonly Transferable[]),
    start: () => port.start(),
    addEventListener: (type, listener, options) => {
      const heard = (event: Event): void => {
        const { data } = event as unknown as { readonly data: unknown };
        if (!isRequest(data, methods)) return onStrange(data);
        // Comlink's listener: a function.
        (listener as (event: Event) => void)(event);
      };
      known.set(listener, heard);
      endpoint.addEventListener(type, heard, options);
    },
    removeEventListener: (type, listener, options) => {
      endpoint.removeEventListener(type, known.get(listener) ?? listener, options);
      known.delete(listener);
    },
  };
};

interface Wired {
  readonly type?: unknown;
  readonly name?: unknown;
}

interface Request {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly path?: unknown;
  readonly argumentList?: unknown;
}

/** A cloned message is plain data: reading it can't throw. */
const isRequest = (message: unknown, methods: readonly string[]): boolean => {
  if (typeof message !== 'object' || message === null) return false;
  const { id, type, path, argumentList } = message as Request;
  if (typeof id !== 'string') return false;
  if (type === 'RELEASE') return true;
  if (type !== 'APPLY' || !Array.isArray(path) || path.length !== 1 || !Array.isArray(argumentList)) return false;
  return methods.includes(path[0] as string) && argumentList.every(isArgument);
};

/** A value, or a proxy that the sender has marked as one. Other types that Comlink can be told to make may throw. */
const isArgument = (argument: unknown): boolean => {
  if (typeof argument !== 'object' || argument === null) return false;
  const { type, name } = argument as Wired;
  return type === 'RAW' || (type === 'HANDLER' && name === 'proxy');
};

/** The details of an `error` event about a message that tokenvisor did not send. */
export const strangeMessage = (where: string, message: unknown): Readonly<Record<string, unknown>> => ({
  error: `Expected a message of this version of tokenvisor, got ${describeKind(message)}`,
  during: `a message on ${where}`,
});
