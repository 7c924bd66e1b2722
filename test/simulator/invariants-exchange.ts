/** What becomes of a refresh token that can be spent once. */
import type { Invariant } from './invariants.js';
import { membersOf } from './members.js';
import type { Observation, Outcome } from './observation.js';
import type { Facts } from './scenario.js';

interface Presented {
  /** Requests with it that may have spent it. */
  open: number;
  /** What has allowed another one since the first of them. */
  allowed: number;
}

const LASTING = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_grant',
]);

/** True if it is sure that the request has not spent it: it never left, or the answer says that nothing was done. */
const isUnspent = (outcome: Outcome): boolean => {
  if (outcome.kind === 'never_sent') return true;
  if (outcome.kind === 'lost') return false;
  const { status } = outcome.answer;
  if (status >= 300) return status < 500 || status === 503;
  // Some servers refuse with a 200.
  if (outcome.kind !== 'answered') return false;
  const { error, access_token: token } = membersOf(outcome.body);
  return token === undefined && typeof error === 'string' && LASTING.has(error);
};

/** True of a whole answer by which the refresh token stays as it is (RFC 6749 §6). */
const keepsToken = ({ request, outcome }: Extract<Observation, { kind: 'settled' }>): boolean => {
  if (outcome.kind !== 'answered' || outcome.answer.status >= 300) return false;
  const { access_token: token, token_type: type, expires_in: life = 60, refresh_token: next } = membersOf(outcome.body);
  const isGood = /^[\x21-\x7e]+$/.test(String(token)) && typeof token === 'string' && /^bearer$/i.test(String(type));
  return isGood && Number(life) > 0 && (next === undefined || next === request.refreshToken);
};

/** Sent once; a second time only by the policy (`replayOnce`), or by the word of a user for each more. */
const redeemedOnce = ({ onAmbiguous }: Facts): Invariant => {
  const tokens = new Map<string, Presented>();
  let inFlight: string | undefined;
  // An answer that keeps its token, and when it came: what a thread that dies over it has taken in can't be seen.
  let kept: { readonly token: string; readonly monoMs: number } | undefined;
  return {
    name: 'a single-use refresh token is redeemed once, unless the policy or a user says so',
    check: (observation) => {
      if (observation.kind === 'deed' && (observation.deed.what === 'resume' || observation.deed.what === 'rotate')) {
        for (const token of tokens.values()) if (token.open > 0) token.allowed += 1;
      }
      if (observation.kind === 'settled' && observation.request.refreshToken !== undefined) {
        const token = tokens.get(observation.request.refreshToken);
        if (token && isUnspent(observation.outcome)) token.open = Math.max(0, token.open - 1);
        const { request, monoMs } = observation;
        kept = keepsToken(observation) ? { token: request.refreshToken!, monoMs } : undefined;
      }
      if (observation.kind === 'thread' && observation.what === 'died' && kept?.monoMs === observation.monoMs) {
        const token = tokens.get(kept.token);
        if (token) token.open = Math.max(0, token.open - 1);
        kept = undefined;
      }
      // An answer without another one keeps it, also if nothing of that answer can be written down.
      if (observation.kind === 'turn') {
        const { event } = observation.turn;
        const isUnwritten = event.kind === 'mint_failed' && event.failure.reason === 'store_failed';
        if (isUnwritten && kept) tokens.set(kept.token, { open: 0, allowed: 0 });
        kept = undefined;
      }
      if (observation.kind === 'turn' && observation.turn.event.kind === 'minted' && inFlight !== undefined) {
        tokens.set(inFlight, { open: 0, allowed: 0 });
      }
      if (observation.kind === 'settled') {
        const { request, outcome } = observation;
        const next = outcome.kind === 'answered' ? membersOf(outcome.body)['refresh_token'] : undefined;
        inFlight = next === undefined || next === request.refreshToken ? request.refreshToken : undefined;
      }
      if (observation.kind !== 'request' || observation.request.refreshToken === undefined) return undefined;
      const text = observation.request.refreshToken;
      const token = tokens.get(text) ?? { open: 0, allowed: 0 };
      tokens.set(text, token);
      const most = token.allowed + (onAmbiguous === 'replayOnce' ? 1 : 0);
      token.open += 1;
      if (token.open === 1) token.allowed = 0;
      return token.open - 1 > most
        ? `${text} is sent although ${token.open - 1} requests with it may have spent it, and ${most} more were allowed`
        : undefined;
    },
  };
};

/** What never left, or was refused, has spent nothing: that is no reason to wait for a person. */
const heldForAReason = (): Invariant => {
  const open = new Map<string, number>();
  let underWay = false;
  // A death in mid-exchange: what it had written by then decides.
  let isUnsure = false;
  // That nothing was spent, a sick disk does not take in: memory knows it, and goes with the process.
  let isSick = false;
  let isUnwritten = false;
  return {
    name: 'held as ambiguous only if a refresh token may have been spent',
    check: (observation) => {
      switch (observation.kind) {
        case 'turn': {
          const { event, effects } = observation.turn;
          if (event.kind === 'minted' || event.kind === 'mint_failed') underWay = false;
          if (event.kind === 'minted') {
            isUnsure = false;
            isUnwritten = false;
            open.clear();
          }
          if (effects.some(({ kind }) => kind === 'mint')) underWay = true;
          return undefined;
        }
        case 'disk':
          isSick = observation.what !== 'well';
          return undefined;
        case 'recovered':
          isSick = false;
          return undefined;
        case 'thread':
        case 'process':
          if (underWay && ['died', 'fenced', 'killed', 'power_cut'].includes(observation.what)) isUnsure = true;
          if (isUnwritten && observation.kind === 'process') isUnsure = true;
          return undefined;
        case 'request': {
          const { refreshToken = '' } = observation.request;
          open.set(refreshToken, (open.get(refreshToken) ?? 0) + 1);
          return undefined;
        }
        case 'settled': {
          const { refreshToken = '' } = observation.request;
          if (isUnspent(observation.outcome)) {
            open.set(refreshToken, Math.max(0, (open.get(refreshToken) ?? 0) - 1));
            if (isSick) isUnwritten = true;
          }
          return undefined;
        }
        case 'event': {
          if (observation.type !== 'child:parked' || observation.details['why'] !== 'ambiguous_exchange')
            return undefined;
          return isUnsure || [...open.values()].some((count) => count > 0) ? undefined : 'none may have been';
        }
        default:
          return undefined;
      }
    },
  };
};

/** Of a newer one somebody has authorised the client anew, meanwhile. */
const familyOf = (refreshToken: unknown): number => Number(/-refresh-(\d+)-/.exec(String(refreshToken))?.[1] ?? -1);

/** The intent is made durable before the request leaves; the new token before the access token is published. */
const durableFirst = ({ durable }: Facts): Invariant => {
  let next: unknown;
  const filed = (): Readonly<Record<string, unknown>> => membersOf(durable() ?? '');
  return {
    name: 'what is spent, and what replaces it, is durable first',
    check: (observation) => {
      if (observation.kind === 'request') {
        const { intent, refreshToken } = filed();
        if (intent === undefined) return 'a request leaves, and no intent is on the disk';
        if (refreshToken !== observation.request.refreshToken)
          return 'a request leaves, and another token is on the disk';
      }
      if (observation.kind === 'settled' && observation.outcome.kind === 'answered') {
        next = membersOf(observation.outcome.body)['refresh_token'];
      }
      if (observation.kind !== 'event' || observation.type !== 'mint:succeeded' || next === undefined) return undefined;
      const { refreshToken } = filed();
      if (refreshToken === next || familyOf(refreshToken) > familyOf(next)) return undefined;
      return 'a token is published, and the refresh token with it is not on the disk';
    },
  };
};

export const exchangeInvariants = (facts: Facts): readonly Invariant[] => {
  if (!facts.grant.startsWith('single_use')) return [];
  return [redeemedOnce(facts), heldForAReason(), ...(facts.grant === 'single_use_file' ? [durableFirst(facts)] : [])];
};
