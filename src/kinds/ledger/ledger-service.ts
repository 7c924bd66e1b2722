/** The ledger's operations for its callers, once its store is open. */
import type { Clock } from '../../core/clock.js';
import { TokenvisorError } from '../../core/errors.js';
import type { Store } from '../../storage/port/store.js';
import type { VerifyResult } from '../../jwt/verify-result.js';
import { State, tokenKey, toRow } from './ledger-entry.js';
import type { LedgerCall, RevokedBatch, SubjectRevoked, TokenFacts, TokenRecord } from './ledger-messages.js';
import type { PurposeFilter, RevokeAnswer, TokenRow } from './ledger-record.js';
import type { LedgerRecords } from './ledger-records.js';
import { MAX_NAME_LENGTH } from './ledger-names.js';
import { factsOf } from './token-facts.js';

/** Verifies tokens: a single one at once, batches in the background. */
export interface TokenVerifier {
  verify(token: string): VerifyResult | Promise<VerifyResult>;
  verifyBatch(tokens: readonly string[]): Promise<readonly VerifyResult[]>;
}

export interface LedgerServiceOptions {
  readonly store: Store;
  readonly records: LedgerRecords;
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  /** How long a subject's cutoff is kept; undefined: no cutoffs. */
  readonly maxTokenLifetimeMs: number | undefined;
  /** Removes records that may be expunged, in the store and in the table; returns how many. */
  readonly expunge: () => Promise<number>;
  /** Records that have expired by then may be expunged: ms since the Unix epoch. */
  readonly expungedByMs: () => number;
}

/** A row as callers get it; undefined unless it is of a token that has not expired. */
const recordOf = (row: TokenRow | undefined, nowMs: number): TokenRecord | undefined => {
  if (!row || row.expiresAtMs <= nowMs) return undefined;
  const { kind: _kind, stored: _stored, changes: _changes, ...record } = row;
  return record;
};

export class LedgerService {
  readonly #options: LedgerServiceOptions;

  constructor(options: LedgerServiceOptions) {
    this.#options = options;
  }

  answer(call: LedgerCall): Promise<unknown> {
    switch (call.kind) {
      case 'revoke':
        return 'token' in call ? this.#revokeToken(call.token) : this.#revoke(call.facts);
      case 'revoke_many':
        return 'tokens' in call ? this.#revokeTokens(call.tokens) : this.#revokeMany(call.facts);
      case 'revoke_subject':
        return this.#revokeSubject(call.subject, call.filter);
      case 'store':
        return this.#store({ ...call.facts, kind: 'store', purpose: call.purpose, extraData: call.extraData });
      case 'store_changes':
        return this.#store({ ...call.facts, kind: 'store_changes', purpose: call.purpose, changes: call.changes });
      case 'get':
        return this.#get(call.jti, call.purpose);
      case 'get_changes':
        return this.#getChanges(call.jti);
      case 'read_expired':
        return this.#readExpired(call.limit);
      case 'expunge':
        return this.#options.expunge();
    }
  }

  async #revoke(facts: TokenFacts): Promise<RevokeAnswer | undefined> {
    return (await this.#options.records.ask({ ...facts, kind: 'revoke' })).answer;
  }

  async #revokeToken(token: string): Promise<RevokeAnswer | undefined> {
    const result = await this.#options.verifier.verify(token);
    if (!result.ok) throw result.error;
    const facts = factsOf(result.claims);
    if (facts) return this.#revoke(facts);
    const message = `Expected \`jti\` and \`sub\` of the token to be of 1 to ${MAX_NAME_LENGTH} characters`;
    throw new TokenvisorError('TOKEN_REFUSED', message);
  }

  async #revokeTokens(tokens: readonly string[]): Promise<RevokedBatch> {
    const results = await this.#options.verifier.verifyBatch(tokens);
    // A failure to fetch keys is not a refusal of the token.
    for (const result of results) if (!result.ok && result.error.code !== 'TOKEN_REFUSED') throw result.error;
    return this.#revokeMany(results.map((result) => (result.ok ? factsOf(result.claims) : undefined)));
  }

  async #revokeMany(facts: readonly (TokenFacts | undefined)[]): Promise<RevokedBatch> {
    const answers = await Promise.all(facts.map(async (each) => each && this.#revoke(each)));
    const count = (of: RevokeAnswer): number => answers.filter((answer) => answer === of).length;
    const refused = facts.flatMap((each, index) => (each ? [] : [index]));
    return { revoked: count('revoked'), alreadyRevoked: count('already_revoked'), refused };
  }

  async #revokeSubject(subject: string, filter: PurposeFilter): Promise<SubjectRevoked> {
    const { store, records, clock, maxTokenLifetimeMs } = this.#options;
    const isAll = filter.includePurposes === undefined && filter.excludePurposes === undefined;
    let issuedBeforeMs: number | undefined;
    if (isAll && maxTokenLifetimeMs !== undefined) {
      // The cutoff first: it is quick, and locks out every holder of the subject's tokens.
      const nowMs = clock.wallMs();
      const cutoffS = Math.floor(nowMs / 1_000);
      await records.ask({ kind: 'cut_off', subject, cutoffS, expiresAtMs: nowMs + maxTokenLifetimeMs });
      issuedBeforeMs = (cutoffS + 1) * 1_000;
    }
    let revoked = 0;
    for await (const batch of store.bySubject(subject)) {
      const asked = batch.flatMap((record) => {
        const row = (record.state & State.STORED) === 0 ? undefined : toRow(record);
        if (row?.kind !== 'token') return [];
        return [records.ask({ kind: 'revoke_stored', jti: row.jti, subject, filter })];
      });
      const outcomes = await Promise.all(asked);
      revoked += outcomes.filter(({ answer }) => answer === 'revoked').length;
    }
    return { revoked, ...(issuedBeforeMs !== undefined && { issuedBeforeMs }) };
  }

  async #store(request: Parameters<LedgerRecords['ask']>[0]): Promise<TokenRecord | undefined> {
    const { row } = await this.#options.records.ask(request);
    // An expired token was stored as well.
    return row?.kind === 'token' ? recordOf(row, -Infinity) : undefined;
  }

  async #token(jti: string): Promise<TokenRow | undefined> {
    const [row] = await this.#options.records.read([tokenKey(jti)]);
    return row?.kind === 'token' ? row : undefined;
  }

  async #get(jti: string, purpose: string | undefined): Promise<TokenRecord | undefined> {
    const record = recordOf(await this.#token(jti), this.#options.clock.wallMs());
    return purpose === undefined || record?.purpose === purpose ? record : undefined;
  }

  /** A revoked token confirms nothing. */
  async #getChanges(jti: string): Promise<unknown> {
    const row = await this.#token(jti);
    if (!row || row.revokedAtMs !== undefined || row.expiresAtMs <= this.#options.clock.wallMs()) return undefined;
    return row.changes;
  }

  async #readExpired(limit: number): Promise<readonly TokenRecord[]> {
    const { store, expungedByMs } = this.#options;
    const records = await store.expired(expungedByMs(), limit);
    return records.flatMap((record) => {
      const row = toRow(record);
      return row?.kind === 'token' ? (recordOf(row, -Infinity) ?? []) : [];
    });
  }
}
