/** The messages between an actor and the process of its LMDB database. */

/** A write, with its data as JSON. */
export interface WireWrite {
  readonly key: string;
  readonly state: number;
  readonly expiresAtMs: number;
  readonly subject?: string;
  readonly data: string;
  readonly replaces: number;
}

/** A record, with its data as JSON. */
export interface WireRecord extends Omit<WireWrite, 'replaces'> {
  readonly version: number;
}

/** A page, and the start of the next one; undefined after the last. */
export interface WirePage<T> {
  readonly page: T;
  readonly next?: Uint8Array;
}

/** The version written, or the record that was there instead. */
export type WireResult = number | { readonly found: WireRecord | undefined };

/** The operations: their arguments, and their answers. */
export interface LmdbOperations {
  open: (path: string, lockTimeoutMs: number) => void;
  get: (keys: readonly string[]) => readonly (WireRecord | undefined)[];
  write: (writes: readonly WireWrite[]) => readonly WireResult[];
  /** Entries, packed. */
  entries: (after?: Uint8Array) => WirePage<Uint8Array>;
  bySubject: (subject: string, after?: Uint8Array) => WirePage<readonly WireRecord[]>;
  expired: (beforeMs: number, limit: number) => readonly WireRecord[];
  remove: (records: readonly { readonly key: string; readonly version: number }[]) => number;
  close: () => void;
}

export type LmdbOperation = keyof LmdbOperations;

export interface LmdbRequest {
  readonly id: number;
  readonly operation: LmdbOperation;
  readonly arguments: readonly unknown[];
}

export type LmdbReply = { readonly id: number } & (
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string }
);

const OPERATIONS: ReadonlySet<unknown> = new Set<LmdbOperation>([
  ...(['open', 'get', 'write', 'entries', 'bySubject', 'expired', 'remove', 'close'] as const),
]);

/** A message as a request; undefined for anything else. */
export const requestOf = (message: unknown): LmdbRequest | undefined => {
  const { id, operation, arguments: given } = (message ?? {}) as Partial<LmdbRequest>;
  const isOne = Number.isSafeInteger(id) && OPERATIONS.has(operation) && Array.isArray(given);
  return isOne ? (message as LmdbRequest) : undefined;
};

/** A message as a reply; undefined for anything else. */
export const replyOf = (message: unknown): LmdbReply | undefined => {
  const { id, ok, code, message: text } = (message ?? {}) as Partial<Record<string, unknown>>;
  const isOne = Number.isSafeInteger(id) && (ok === true || (ok === false && [code, text].every(isText)));
  return isOne ? (message as LmdbReply) : undefined;
};

const isText = (value: unknown): boolean => typeof value === 'string';
