/**
 * The actor of a break-glass token: the only thread that makes and removes tokens. Its state is in shared memory and in
 * no variable, so a crash loses nothing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  noReply,
  reply,
  type ActorContext,
  type Behaviour,
  type LiveSnapshot,
  type NoReply,
  type Reply,
} from '../../actor/behaviour.js';
import { CLOCK_STEP_MS } from '../../core/clock.js';
import { strangeCall } from '../inbound/strange-call.js';
import { digestOf, glassMessageOf, GlassWord, type BuiltToken, type GlassRecord } from './break-glass-record.js';

/** The options of the actor. */
export interface BreakGlassActorOptions {
  readonly maxAgeMs?: number;
  /** A token of a former actor stays valid. */
  readonly keep: boolean;
}

type Context = ActorContext<BreakGlassActorOptions>;
type Info = { readonly kind: 'tick' } | { readonly kind: 'requested' };

/** 256 bits. */
const TOKEN_BYTES = 32;
/** How often lookups are reported and the token's age is checked: ms. */
const TICK_MS = 1_000;

const TICK: Info = { kind: 'tick' };

export const breakGlassBehaviour: Behaviour<null, BreakGlassActorOptions> = {
  init(context) {
    // A former actor's token was withdrawn at its exit, unless the exit was not seen.
    if (!context.options.keep && context.live()) context.withdraw();
    settle(context);
    context.sendAfter(TICK, TICK_MS);
    return null;
  },

  handleCall(came: unknown, from, state, context): Reply<null> | NoReply<null> {
    const message = glassMessageOf(came);
    if (!message) {
      context.replyError(from, strangeCall(context.name, came));
      return noReply(state);
    }
    return reply(message.kind === 'build' ? build(message.clears, context) : remove(message.digest, context), state);
  },

  handleInfo(message: Info, state, context) {
    settle(context);
    if (message.kind === 'tick') {
      tellLookups(context);
      context.sendAfter(TICK, TICK_MS);
    }
    return state;
  },

  terminate(_reason, _state, context) {
    tellLookups(context);
  },
};

const build = (clears: number, context: Context): BuiltToken => {
  const { clock, options, words } = context;
  const replaced = settle(context) !== undefined;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const { wallMs: insertedAtMs, monoMs: insertedMonoMs } = clock.now();
  const record: GlassRecord = { digest: digestOf(token).toString('base64'), insertedAtMs, insertedMonoMs, clears };
  const until = options.maxAgeMs === undefined ? {} : { expiresAtMs: insertedAtMs + options.maxAgeMs };
  context.publish(record, { issuedAtMs: insertedAtMs, ...until });
  context.emit('break-glass:built', { insertedAtMs, ...until, replaced });
  // It may have been cleared since the build was requested: then it must not stay.
  if (words.load(GlassWord.CLEARS) !== clears) context.withdraw();
  return { token, insertedAtMs };
};

const remove = (digest: Uint8Array, context: Context): boolean => {
  const live = settle(context);
  if (!live) return false;
  const { digest: kept, insertedAtMs } = live.value as GlassRecord;
  if (!timingSafeEqual(Buffer.from(kept, 'base64'), digest)) return false;
  context.withdraw();
  context.emit('break-glass:deleted', { insertedAtMs });
  return true;
};

/** Withdraws a token that was cleared or is past its age. Returns a valid one. */
const settle = (context: Context): LiveSnapshot | undefined => {
  const live = context.live();
  if (!live) return undefined;
  const { clears, insertedAtMs, insertedMonoMs } = live.value as GlassRecord;
  const { wallMs, monoMs } = context.clock.now();
  const { maxAgeMs = Infinity } = context.options;
  // Readers check only the wall clock, which may have been set back.
  const leftMs = maxAgeMs - (monoMs - insertedMonoMs);
  const isOver = wallMs >= live.expiresAtMs || leftMs <= 0;
  const isCleared = context.words.load(GlassWord.CLEARS) !== clears;
  if (!isOver && !isCleared) {
    // Readers must get the right answer even if no actor is there to withdraw the token.
    if (live.expiresAtMs - (wallMs + leftMs) >= CLOCK_STEP_MS) endAt(wallMs + leftMs, live, context);
    return live;
  }
  context.withdraw();
  if (!isCleared) context.emit('break-glass:expired', { insertedAtMs });
  return undefined;
};

/** Publishes the same token with an earlier end. */
const endAt = (expiresAtMs: number, { value, issuedAtMs, generation }: LiveSnapshot, context: Context): void => {
  context.publish(value, { issuedAtMs, expiresAtMs, generation });
};

const tellLookups = (context: Context): void => {
  const matches = takeUntold(context, GlassWord.MATCHES, GlassWord.TOLD_MATCHES);
  const misses = takeUntold(context, GlassWord.MISSES, GlassWord.TOLD_MISSES);
  if (matches > 0 || misses > 0) context.emit('break-glass:looked-up', { matches, misses });
};

/** Takes the counts since the last report, by this actor or a former one. */
const takeUntold = ({ words }: Context, counted: number, told: number): number => {
  const now = words.load(counted);
  const before = words.load(told);
  // A zombie that wakes up must not report twice.
  return words.compareExchange(told, before, now) === before ? (now - before) >>> 0 : 0;
};
