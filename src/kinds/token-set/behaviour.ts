/** The actor of a token set: the only writer of its table. All its state is in the table, so a crash loses nothing. */
import {
  noReply,
  reply,
  type ActorContext,
  type Behaviour,
  type From,
  type NoReply,
  type Reply,
  type TaskResult,
} from '../../actor/behaviour.js';
import { toWireError } from '../../core/wire-error.js';
import { expiryMs } from '../../table/expiry.js';
import { ROW_WORDS } from '../../table/layout.js';
import { TableFullError } from '../../table/table-full-error.js';
import type { TableWriter } from '../../table/table-writer.js';
import { ExpungeClock } from '../inbound/expunge-clock.js';
import { expungeInMs, expungeTable } from '../inbound/expunger.js';
import { strangeCall } from '../inbound/strange-call.js';
import { tokenSetMessageOf, type SetAnswer } from './token-set-messages.js';

/** The options of the actor. */
export interface TokenSetActorOptions {
  /** `Infinity`: only on request. */
  readonly expungeIntervalMs: number;
}

type Context = ActorContext<TokenSetActorOptions>;
type Info = { readonly kind: 'expunge' } | { readonly kind: 'requested' } | TaskResult;

interface State {
  readonly clock: ExpungeClock;
  /** The callers waiting for the running expunge; undefined: none runs. */
  readonly waiting: readonly From[] | undefined;
}

export const tokenSetBehaviour: Behaviour<State, TokenSetActorOptions> = {
  init(context) {
    // Completes an interrupted change of a former actor, and counts the entries. Readers do not wait for it.
    void context.table.size;
    schedule(context);
    // The expunge clock uses the child's words.
    return { clock: new ExpungeClock(context.words, 0, context.clock), waiting: undefined };
  },

  handleCall(came: unknown, from, state, context): Reply<State> | NoReply<State> {
    const { table, name } = context;
    const message = tokenSetMessageOf(came);
    if (!message) {
      context.replyError(from, strangeCall(name, came));
      return noReply(state);
    }
    switch (message.kind) {
      case 'set':
        return reply(set(message.rows, message.keepMeta, context), state);
      case 'remove':
        return reply(table.remove(message.rows), state);
      case 'exists':
        return reply(isLive(table, message.rows, 0, context.clock.wallMs()), state);
      case 'clear':
        return clear(from, state, context);
      case 'expunge':
        return noReply(expunge([...(state.waiting ?? []), from], state, context));
    }
  },

  handleInfo(message: Info, state, context) {
    switch (message.kind) {
      case 'expunge':
        schedule(context);
        return expunge(state.waiting ?? [], state, context);
      case 'task':
        return expunged(message, state, context);
      case 'requested':
        return state;
    }
  },
};

const schedule = (context: Context): void => {
  const { expungeIntervalMs } = context.options;
  if (expungeIntervalMs !== Infinity) context.sendAfter({ kind: 'expunge' }, expungeInMs(expungeIntervalMs));
};

const isLive = (table: TableWriter, rows: Int32Array, index: number, nowMs: number): boolean =>
  table.findRow(rows, index) && expiryMs(table.expiryS) > nowMs;

const set = (rows: Int32Array, keepMeta: boolean, context: Context): SetAnswer => {
  const { table } = context;
  if (keepMeta) takeMetas(rows, table, context.clock.wallMs());
  const before = table.size;
  try {
    const added = table.put(rows);
    return { written: rows.length / ROW_WORDS, added };
  } catch (error) {
    if (!(error instanceof TableFullError)) throw error;
    return { written: error.put, added: table.size - before, full: error.message };
  }
};

/** Gives each row the meta of its token's entry; an expired entry does not count, and its meta is dropped. */
const takeMetas = (rows: Int32Array, table: TableWriter, nowMs: number): void => {
  for (let index = 0; index * ROW_WORDS < rows.length; index += 1) {
    rows[index * ROW_WORDS + 4] = isLive(table, rows, index, nowMs) ? table.meta : 0;
  }
};

const clear = (from: From, state: State, context: Context): Reply<State> | NoReply<State> => {
  try {
    return reply(context.table.clear(), state);
  } catch (error) {
    // There is no room to clear it in one step. The table and the actor are unchanged.
    context.replyError(from, error);
    return noReply(state);
  }
};

/** One at a time: later callers wait for the running one. */
const expunge = (waiting: readonly From[], state: State, context: Context): State => {
  if (!state.waiting) {
    const { table } = context;
    context.startTask((signal) => expungeTable(table, state.clock.nowMs(), signal), 'expunge');
  }
  return { ...state, waiting };
};

const expunged = (result: TaskResult, state: State, context: Context): State => {
  const { waiting = [] } = state;
  if (result.ok) {
    const removed = result.value as number;
    if (removed > 0) context.emit('table:expunged', { removed, size: context.table.size });
    for (const from of waiting) context.reply(from, removed);
  } else {
    const { code = 'INTERNAL' } = toWireError(result.error);
    context.emit('write:failed', { operation: 'expungeExpired', code });
    for (const from of waiting) context.replyError(from, result.error);
  }
  return { ...state, waiting: undefined };
};
