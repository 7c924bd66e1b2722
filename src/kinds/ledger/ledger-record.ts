/**
 * The stored state of a token, and the only place where it changes: a pure function of the existing record, the
 * request, and the time. It ensures that a revocation is never undone and its expiry never brought forward, even if
 * records are stored again or replayed.
 */

/** A record about a token: never the token. Instants in ms since the Unix epoch; `Infinity` is never. */
export interface TokenRow {
  readonly kind: 'token';
  readonly jti: string;
  readonly subject?: string;
  /** When the token expires. The record is kept longer, by the grace of the ledger. */
  readonly expiresAtMs: number;
  readonly purpose?: string;
  readonly extraData?: unknown;
  /** Changes that wait for this token to confirm them. */
  readonly changes?: unknown;
  /** It was stored: with `requireStored`, other tokens are not accepted. */
  readonly stored: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Absent: it is not revoked. */
  readonly revokedAtMs?: number;
}

/** A cutoff: all tokens of a subject that were issued up to and including a second are revoked. */
export interface CutoffRow {
  readonly kind: 'cutoff';
  readonly subject: string;
  /** Seconds since the Unix epoch, as in `iat`. */
  readonly cutoffS: number;
  /** When the last token that it concerns expires. */
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export type LedgerRow = TokenRow | CutoffRow;

/** The caller's knowledge of a token. */
interface OfToken {
  readonly jti: string;
  readonly subject?: string | undefined;
  readonly expiresAtMs: number;
}

/** The purposes that a revocation by subject applies to. Without either: all. */
export interface PurposeFilter {
  readonly includePurposes?: readonly string[] | undefined;
  readonly excludePurposes?: readonly string[] | undefined;
}

/** The requests on a record. */
export type LedgerRequest =
  | ({ readonly kind: 'revoke' } & OfToken)
  | ({ readonly kind: 'store'; readonly purpose: string; readonly extraData?: unknown } & OfToken)
  | ({ readonly kind: 'store_changes'; readonly purpose: string; readonly changes: unknown } & OfToken)
  /** As one of all tokens stored for a subject. */
  | { readonly kind: 'revoke_stored'; readonly jti: string; readonly subject: string; readonly filter: PurposeFilter }
  | { readonly kind: 'cut_off'; readonly subject: string; readonly cutoffS: number; readonly expiresAtMs: number };

/** `skipped`: not stored, of another purpose, or no longer of this subject. */
export type RevokeAnswer = 'revoked' | 'already_revoked' | 'skipped';

export interface Outcome {
  /** The row to write; absent: none. */
  readonly write?: LedgerRow;
  /** The answer to a request that revokes. */
  readonly answer?: RevokeAnswer;
  /** The row afterwards. */
  readonly row: LedgerRow | undefined;
}

const defined = <Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;

/** The common part of all changes to a token's record: its subject stays, and its expiry is only ever raised. */
const touched = (existing: TokenRow | undefined, request: OfToken, nowMs: number): TokenRow => {
  const subject = existing?.subject ?? request.subject;
  return {
    ...(existing ?? { kind: 'token', jti: request.jti, stored: false, createdAtMs: nowMs }),
    ...(subject !== undefined && { subject }),
    expiresAtMs: Math.max(existing?.expiresAtMs ?? 0, request.expiresAtMs),
    updatedAtMs: nowMs,
  };
};

const revoke = (existing: TokenRow | undefined, request: OfToken, nowMs: number): Outcome => {
  const row = touched(existing, request, nowMs);
  if (existing?.revokedAtMs === undefined) {
    const revoked = { ...row, revokedAtMs: nowMs };
    return { write: revoked, row: revoked, answer: 'revoked' };
  }
  // It is revoked already; the request may still extend how long it is remembered.
  const longer = row.expiresAtMs > existing.expiresAtMs;
  return { ...(longer && { write: row }), row: longer ? row : existing, answer: 'already_revoked' };
};

const isMeant = ({ purpose }: TokenRow, { includePurposes, excludePurposes }: PurposeFilter): boolean => {
  if (includePurposes && (purpose === undefined || !includePurposes.includes(purpose))) return false;
  return !(excludePurposes && purpose !== undefined && excludePurposes.includes(purpose));
};

const cutOff = (
  existing: CutoffRow | undefined,
  { subject, cutoffS, expiresAtMs }: Extract<LedgerRequest, { kind: 'cut_off' }>,
  nowMs: number,
): Outcome => {
  if (existing && existing.cutoffS >= cutoffS && existing.expiresAtMs >= expiresAtMs) return { row: existing };
  const row: CutoffRow = {
    kind: 'cutoff',
    subject,
    cutoffS: Math.max(existing?.cutoffS ?? 0, cutoffS),
    expiresAtMs: Math.max(existing?.expiresAtMs ?? 0, expiresAtMs),
    createdAtMs: existing?.createdAtMs ?? nowMs,
    updatedAtMs: nowMs,
  };
  return { write: row, row };
};

/** Applies a request to the existing record: returns the change and the answer. */
export const applyRequest = (existing: LedgerRow | undefined, request: LedgerRequest, nowMs: number): Outcome => {
  if (request.kind === 'cut_off') return cutOff(existing?.kind === 'cutoff' ? existing : undefined, request, nowMs);
  const token = existing?.kind === 'token' ? existing : undefined;
  switch (request.kind) {
    case 'revoke':
      return revoke(token, request, nowMs);
    case 'revoke_stored':
      if (token?.stored !== true || token.subject !== request.subject || !isMeant(token, request.filter)) {
        return { row: existing, answer: 'skipped' };
      }
      return revoke(token, token, nowMs);
    case 'store': {
      const { purpose, extraData } = request;
      const row = defined({ ...touched(token, request, nowMs), stored: true, purpose, extraData });
      return { write: row, row };
    }
    case 'store_changes': {
      const { purpose, changes } = request;
      const row = { ...touched(token, request, nowMs), stored: true, purpose, changes };
      return { write: row, row };
    }
  }
};

/** Applies several requests on one record, in order, for one write. */
export const applyAll = (
  existing: LedgerRow | undefined,
  requests: readonly LedgerRequest[],
  nowMs: number,
): { readonly write?: LedgerRow; readonly outcomes: readonly Outcome[] } => {
  let row = existing;
  let write: LedgerRow | undefined;
  const outcomes = requests.map((request) => {
    const outcome = applyRequest(row, request, nowMs);
    row = outcome.row;
    write = outcome.write ?? write;
    return outcome;
  });
  return { ...(write && { write }), outcomes };
};
