/**
 * Validates a call from an untrusted port and copies its known members. An unknown member could change the request, and an expiry of
 * NaN would never be expunged.
 */
import { isPlainObject } from '../../core/describe.js';
import { jsonOf, MOST_EXPIRED } from './ledger-checks.js';
import { MOST_OF_A_BATCH, type LedgerCall, type TokenFacts } from './ledger-messages.js';
import { isName } from './ledger-names.js';
import type { PurposeFilter } from './ledger-record.js';

type Given = Readonly<Record<string, unknown>>;

/**
 * The validated call; undefined if it is malformed.
 *
 * @throws CONFIG_INVALID for data that is too large, or has no JSON
 */
export const ledgerCallOf = (message: unknown, child: string): LedgerCall | undefined => {
  if (!isPlainObject(message)) return undefined;
  switch (message['kind']) {
    case 'revoke':
      return revokeOf(message);
    case 'revoke_many':
      return revokeManyOf(message);
    case 'revoke_subject':
      return revokeSubjectOf(message);
    case 'store': {
      const of = storedOf(message);
      return of && { kind: 'store', ...of, extraData: jsonOf(message['extraData'], 'extraData', child) };
    }
    case 'store_changes': {
      const of = storedOf(message);
      return of && { kind: 'store_changes', ...of, changes: jsonOf(message['changes'], 'changes', child) };
    }
    case 'get': {
      const { jti, purpose } = message;
      if (!isName(jti) || !isNameOrNone(purpose)) return undefined;
      return { kind: 'get', jti, ...(purpose !== undefined && { purpose }) };
    }
    case 'get_changes': {
      const { jti } = message;
      return isName(jti) ? { kind: 'get_changes', jti } : undefined;
    }
    case 'read_expired': {
      const { limit } = message;
      const isLimit = Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= MOST_EXPIRED;
      return isLimit ? { kind: 'read_expired', limit: limit as number } : undefined;
    }
    case 'expunge':
      return { kind: 'expunge' };
    default:
      return undefined;
  }
};

const revokeOf = ({ token, facts }: Given): LedgerCall | undefined => {
  if (facts === undefined) return typeof token === 'string' ? { kind: 'revoke', token } : undefined;
  const read = factsIn(facts);
  return read && { kind: 'revoke', facts: read };
};

const revokeManyOf = ({ tokens, facts }: Given): LedgerCall | undefined => {
  if (isBatch(facts)) return { kind: 'revoke_many', facts: facts.map(factsIn) };
  if (!isBatch(tokens)) return undefined;
  return { kind: 'revoke_many', tokens: tokens.map((token) => (typeof token === 'string' ? token : '')) };
};

const revokeSubjectOf = ({ subject, filter }: Given): LedgerCall | undefined => {
  if (!isName(subject) || !isPlainObject(filter)) return undefined;
  const { includePurposes, excludePurposes } = filter;
  if (!isNamesOrNone(includePurposes) || !isNamesOrNone(excludePurposes)) return undefined;
  const read: PurposeFilter = {
    ...(includePurposes && { includePurposes }),
    ...(excludePurposes && { excludePurposes }),
  };
  return { kind: 'revoke_subject', subject, filter: read };
};

const storedOf = ({ facts, purpose }: Given): { readonly facts: TokenFacts; readonly purpose: string } | undefined => {
  const read = factsIn(facts);
  return read && isName(purpose) ? { facts: read, purpose } : undefined;
};

const factsIn = (value: unknown): TokenFacts | undefined => {
  if (!isPlainObject(value)) return undefined;
  const { jti, subject, expiresAtMs } = value;
  // Also refuses NaN.
  if (!isName(jti) || !isNameOrNone(subject) || typeof expiresAtMs !== 'number' || !(expiresAtMs >= 0))
    return undefined;
  return { jti, ...(subject !== undefined && { subject }), expiresAtMs };
};

const isBatch = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.length <= MOST_OF_A_BATCH;
const isNameOrNone = (value: unknown): value is string | undefined => value === undefined || isName(value);
const isNamesOrNone = (value: unknown): value is readonly string[] | undefined =>
  value === undefined || (Array.isArray(value) && value.every(isName));
