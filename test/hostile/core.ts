/**
 * A token endpoint that keeps the rules of its grants and breaks those of its answers, as a pure function: the simulator
 * runs it on a simulated clock, the shell writes what it answers on sockets.
 *
 * Refresh tokens come in families: all that came of one authorisation. With single-use rotation each redemption replaces
 * the token, and one that comes a second time revokes its family (RFC 9700 §4.14.2).
 */
import { actsUnder, mangled, plain, refusal } from './mangle.js';
import { CANARY, type Fault, type HostileAnswer, type TokenRequest } from './types.js';

export interface HostileOptions {
  /** Of access tokens; default 3,600. */
  readonly accessTokenTtlS?: number;
  /** Default `single-use`. */
  readonly rotation?: 'single-use' | 'reusable';
  /** For so long the token before the last may come again, and is answered with the last; default 0. */
  readonly reuseGraceMs?: number;
  /** How far the server's clock is ahead of what it is told; default 0. */
  readonly clockOffMs?: number;
}

/** What came of one authorisation. */
export interface Family {
  readonly clientId: string;
  readonly revoked: boolean;
  /** How often each of its refresh tokens was presented; the last one is the one that is good. */
  readonly presented: readonly number[];
  readonly rotatedAtMs: number;
}

/** Counted since the beginning. */
export interface HostileCounts {
  readonly requests: number;
  /** Requests that were carried out: a token was issued for them, or a family revoked. */
  readonly acted: number;
  readonly issued: number;
  readonly refused: number;
  /** Single-use refresh tokens that came a second time. */
  readonly reuses: number;
  readonly revokedFamilies: number;
}

/** A client that is refused, whatever it asks. */
interface Refusal {
  readonly error: string;
  /** By the clock that the core is told. */
  readonly untilMs: number;
}

/** What the server knows. It is JSON; texts of tokens follow from it. */
export interface HostileState {
  readonly options: Required<HostileOptions>;
  readonly families: readonly Family[];
  readonly refusals: Readonly<Record<string, Refusal>>;
  readonly counts: HostileCounts;
}

export interface Answered {
  readonly state: HostileState;
  readonly answer: HostileAnswer;
  /** What was asked has been done, whatever the answer says. */
  readonly acted: boolean;
}

export const initialHostileState = (options: HostileOptions = {}): HostileState => ({
  options: { accessTokenTtlS: 3_600, rotation: 'single-use', reuseGraceMs: 0, clockOffMs: 0, ...options },
  families: [],
  refusals: {},
  counts: { requests: 0, acted: 0, issued: 0, refused: 0, reuses: 0, revokedFamilies: 0 },
});

/** Somebody authorises the client: the first refresh token of a new family. */
export const authorise = (state: HostileState, clientId: string): { state: HostileState; refreshToken: string } => {
  const family: Family = { clientId, revoked: false, presented: [0], rotatedAtMs: 0 };
  return {
    state: { ...state, families: [...state.families, family] },
    refreshToken: refreshTokenText(state.families.length, 0),
  };
};

/** From now the client is refused with this error, until then; `Infinity`: until it is admitted. */
export const refuseClient = (
  state: HostileState,
  clientId: string,
  error: string,
  untilMs = Infinity,
): HostileState => ({
  ...state,
  refusals: { ...state.refusals, [clientId]: { error, untilMs } },
});

/** The client is well again. */
export const admitClient = (state: HostileState, clientId: string): HostileState => {
  const { [clientId]: _gone, ...refusals } = state.refusals;
  return { ...state, refusals };
};

/** How often each refresh token of a family was presented, the first one first. */
export const presentations = (state: HostileState, refreshToken: string): readonly number[] =>
  state.families[parseRefreshToken(refreshToken)?.family ?? -1]?.presented ?? [];

/** Deals with one request, under a fault or none. Deterministic: what is drawn at random is the caller's fault. */
export const answerTo = (
  state: HostileState,
  request: TokenRequest,
  nowMs: number,
  fault: Fault | undefined,
): Answered => {
  const serverMs = nowMs + state.options.clockOffMs;
  // What never arrives is not counted.
  if (fault?.kind === 'connection') {
    return { state, answer: mangled(nothing(serverMs), fault, serverMs), acted: false };
  }
  const seen = count(state, { requests: 1 });
  if (!actsUnder(fault)) return { state: seen, answer: mangled(nothing(serverMs), fault, serverMs), acted: false };
  const { state: next, answer: right, acted } = carryOut(seen, request, nowMs);
  // A refusal is what it is; only the way that it takes can still go wrong.
  const misfit = right.status !== 200 && fault?.kind !== 'delivery' && fault?.kind !== 'status';
  return { state: next, answer: misfit ? right : mangled(right, fault, serverMs), acted };
};

const nothing = (serverMs: number): HostileAnswer => plain(200, { text: '' }, serverMs);

const count = (state: HostileState, more: Partial<HostileCounts>): HostileState => {
  const counts: Record<string, number> = { ...state.counts };
  for (const [name, by] of Object.entries(more)) counts[name] = counts[name]! + by;
  return { ...state, counts: counts as unknown as HostileCounts };
};

/** What a server does that misbehaves in nothing. */
const carryOut = (state: HostileState, request: TokenRequest, nowMs: number): Answered => {
  const { refreshToken, clientId, grantType } = request;
  const serverMs = nowMs + state.options.clockOffMs;
  const refused = (error: string, status = 400): Answered => ({
    state: count(state, { refused: 1 }),
    answer: refusal(status, error, serverMs),
    acted: false,
  });
  const standing = state.refusals[clientId];
  if (standing && nowMs < standing.untilMs)
    return refused(standing.error, standing.error === 'invalid_client' ? 401 : 400);
  if (grantType === 'client_credentials') return issue(state, serverMs, undefined);
  if (grantType !== 'refresh_token') return refused('unsupported_grant_type');
  return redeem(state, clientId, refreshToken ?? '', nowMs) ?? refused('invalid_grant');
};

/** Undefined for a refresh token that was never any good. */
const redeem = (state: HostileState, clientId: string, refreshToken: string, nowMs: number): Answered | undefined => {
  const named = parseRefreshToken(refreshToken);
  const family = named && state.families[named.family];
  if (!named || family?.clientId !== clientId || named.number >= family.presented.length) return undefined;
  const { rotation, reuseGraceMs, clockOffMs } = state.options;
  const serverMs = nowMs + clockOffMs;
  const last = family.presented.length - 1;
  const presented = family.presented.map((times, number) => (number === named.number ? times + 1 : times));
  const withFamily = (next: Family, more: Partial<HostileCounts> = {}): HostileState =>
    count({ ...state, families: state.families.map((one, index) => (index === named.family ? next : one)) }, more);
  const invalidGrant = refusal(400, 'invalid_grant', serverMs);
  if (family.revoked) {
    return { state: withFamily({ ...family, presented }, { refused: 1 }), answer: invalidGrant, acted: false };
  }
  if (rotation === 'reusable') return issue(withFamily({ ...family, presented }), serverMs, undefined);
  if (named.number === last) {
    const next = { ...family, presented: [...presented, 0], rotatedAtMs: nowMs };
    return issue(withFamily(next), serverMs, refreshTokenText(named.family, last + 1));
  }
  if (named.number === last - 1 && nowMs - family.rotatedAtMs < reuseGraceMs) {
    return issue(withFamily({ ...family, presented }), serverMs, refreshTokenText(named.family, last));
  }
  const revoked = withFamily(
    { ...family, presented, revoked: true },
    { refused: 1, acted: 1, reuses: 1, revokedFamilies: 1 },
  );
  return { state: revoked, answer: invalidGrant, acted: true };
};

const issue = (state: HostileState, serverMs: number, refreshToken: string | undefined): Answered => {
  const next = count(state, { issued: 1, acted: 1 });
  const body = {
    access_token: `${CANARY}-access-${next.counts.issued}`,
    token_type: 'Bearer',
    expires_in: state.options.accessTokenTtlS,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: 'read write',
  };
  return { state: next, answer: plain(200, { text: JSON.stringify(body) }, serverMs), acted: true };
};

const refreshTokenText = (family: number, number: number): string => `${CANARY}-refresh-${family}-${number}`;

const parseRefreshToken = (text: string): { family: number; number: number } | undefined => {
  const [, family, number] = new RegExp(`^${CANARY}-refresh-(\\d+)-(\\d+)$`).exec(text) ?? [];
  return family === undefined ? undefined : { family: Number(family), number: Number(number) };
};
