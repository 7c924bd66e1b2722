/**
 * The life of one child: an incarnation starts, runs, dies, is restarted, parked, asked to stop, killed, succeeded.
 *
 * This code does not look at other children, but uses three facts of the draft: what the supervisor is blocked on, the
 * shared restart count, and whether it is ending.
 */
import { addChildRestart, addHungRestart, addSharedRestart, parkWaitMs, restartWaitMs } from './restart-intensity.js';
import type { Draft } from './supervisor-draft.js';
import { endedInStart, startFailed, stoppedMeanwhile } from './supervisor-errors.js';
import type { Child, Origin, Thread } from './supervisor-state.js';
import type { ExitReason, PersistedChild } from './types.js';

type LiveChild = Child & { readonly thread: Thread };

// Start

/**
 * True if a thread may start: two threads of a child may live only if the older is a zombie that can be fenced; three
 * never.
 */
export const maySpawn = (draft: Draft, name: string, fenceable: boolean): boolean => {
  const zombies = draft.zombiesOf(name).length;
  return zombies === 0 || (zombies === 1 && fenceable);
};

/**
 * How long a boot holds its place: ms. A hanging boot must not block the others. A boot takes tens of ms of a
 * processor.
 */
const PLACE_MS = 5_000;

/** Queues its start for the next free place. */
export const requestStart = (draft: Draft, name: string, origin: Origin, request?: number): void =>
  draft.queueStart({ name, origin, ...(request !== undefined && { request }) });

export const spawn = (draft: Draft, child: Child, origin: Origin, request?: number): void => {
  const { name } = child.rules;
  const zombies = draft.zombiesOf(name).map((zombie) => zombie.incarnation);
  // A reused name may meet a zombie of the former child: their incarnations must differ.
  const incarnation = Math.max(child.persisted.incarnation, ...zombies) + 1;
  const restarts = child.persisted.restarts + (origin === 'restart' ? 1 : 0);
  draft.persist(name, { phase: 'starting', incarnation, restarts });
  const placeUntilMs = draft.likeOtp ? Infinity : draft.livedMs + PLACE_MS;
  draft.setThread(name, { incarnation, origin, placeUntilMs, ...(request !== undefined && { request }) });
  if (draft.likeOtp) draft.blockedOn = name;
  const [beside] = zombies;
  draft.effect({ kind: 'spawn', name, incarnation, ...(beside !== undefined && { beside }) });
};

/** Called when init is done. */
export const started = (draft: Draft, child: LiveChild): void => {
  if (child.persisted.phase !== 'starting') return;
  const { name } = child.rules;
  const { request, ...thread } = child.thread;
  draft.persist(name, { phase: 'running' });
  draft.setThread(name, { ...thread, runningSinceMs: draft.now.monoMs });
  const again = thread.incarnation > 1 && (thread.origin === 'restart' || thread.origin === 'adopted');
  draft.notice({ type: again ? 'child:restarted' : 'child:started', name, incarnation: thread.incarnation });
  unblock(draft, name);
  if (request !== undefined) draft.reply(request, { ok: true });
};

/** Called when init has failed. A first start ends the supervisor at once; in all other cases the exit is awaited. */
export const failed = (
  draft: Draft,
  child: LiveChild,
  failure: NonNullable<Thread['failure']>,
  timedOut = false,
): void => {
  const { phase } = child.persisted;
  const { name } = child.rules;
  if (phase === 'stopping') return kill(draft, child, 'killed');
  if (phase !== 'starting') return;
  const thread = { ...child.thread, failure, timedOut };
  draft.persist(name, { phase: 'stopping' });
  kill(draft, { ...child, thread }, 'killed');
  if (thread.origin === 'first') firstStartFailed(draft, child, failure);
};

const firstStartFailed = (draft: Draft, child: Child, failure: NonNullable<Thread['failure']>): void => {
  if (draft.ending) return;
  draft.report('start_error', { kind: 'crash', error: failure }, child);
  draft.ending = { reason: 'start_failed', requests: [], startError: startFailed(child.rules.name, failure) };
};

/** True if its start hung: it was not done in time, or its thread was ended as `hung`. */
const hasHung = (draft: Draft, { rules, thread }: LiveChild): boolean =>
  thread.timedOut === true || draft.find(rules.name)?.persisted.lastExit?.reason.kind === 'hung';

/** Called when the thread of a failed start has exited, or is given up. */
const finishFailedStart = (draft: Draft, child: LiveChild, failure: NonNullable<Thread['failure']>): void => {
  const { name, restart: type } = child.rules;
  const { origin, request } = child.thread;
  draft.setThread(name, undefined);
  unblock(draft, name);
  switch (origin) {
    case 'first':
      return firstStartFailed(draft, child, failure);
    case 'start_child':
      drop(draft, child);
      break;
    case 'restart_child':
      settleStopped(draft, child);
      break;
    case 'adopted':
    case 'restart':
      draft.report('start_error', { kind: 'crash', error: failure }, child);
      if (type === 'temporary') settleStopped(draft, child);
      else if (draft.likeOtp) {
        // OTP returns to its message loop before it tries again, so messages that arrived meanwhile are handled first.
        draft.persist(name, { phase: 'restarting' });
        draft.enqueue({ kind: 'try_again', name });
      } else restart(draft, name, hasHung(draft, child) ? child.rules.initTimeoutMs : undefined);
  }
  if (request !== undefined) draft.reply(request, { ok: false, error: startFailed(name, failure) });
};

// Death

/** Called when the heartbeat is silent. A child that hangs while it is asked to stop is killed as well. */
export const hung = (draft: Draft, child: LiveChild): void => {
  if (!child.thread.stop) draft.persist(child.rules.name, { phase: 'stopping' });
  kill(draft, child, 'hung');
};

/** Called when the thread has exited. */
export const exited = (draft: Draft, child: LiveChild, reason: ExitReason): void => {
  const { failure, incarnation } = child.thread;
  // The error of the start says more than the kill that followed it.
  const told: ExitReason = failure ? { kind: 'crash', error: failure } : reason;
  withdrawAtExit(draft, child);
  draft.notice({ type: 'child:exited', name: child.rules.name, incarnation, reason: told });
  gone(draft, child, told);
};

/** Withdraws the snapshot before the exit is reported, and before any decision on what follows. */
const withdrawAtExit = (draft: Draft, { rules: { name, onExit } }: Child): void => {
  if (onExit === 'withdraw') draft.effect({ kind: 'withdraw', name });
};

/** Called when a zombie's thread has exited: its bank is free. The current snapshot is its successor's. */
export const zombieExited = (draft: Draft, name: string, incarnation: number, reason: ExitReason): void => {
  draft.notice({ type: 'child:exited', name, incarnation, reason });
  const child = draft.find(name);
  if (child?.thread && !child.thread.ended && child.persisted.phase === 'zombie')
    succeed(draft, { ...child, thread: child.thread });
};

/**
 * Called when the thread no longer counts: it has exited, or is a zombie. What follows waits for its turn, if turns
 * apply.
 */
const gone = (draft: Draft, child: LiveChild, reason: ExitReason): void => {
  const { name } = child.rules;
  const { thread } = child;
  const { dueMonoMs: _due, ...persisted } = child.persisted;
  draft.persist(name, { ...persisted, lastExit: { reason, atMs: draft.now.wallMs } });
  if (thread.stop?.asked) return finishStop(draft, child, reason);
  if (!draft.ending && thread.runningSinceMs === undefined) {
    return finishFailedStart(draft, child, thread.failure ?? endedInStart(name, reason));
  }
  draft.setThread(name, { ...thread, ended: reason });
  draft.enqueue({ kind: 'died', name, incarnation: thread.incarnation });
};

const isNormal = (reason: ExitReason): boolean => reason.kind === 'normal' || reason.kind === 'shutdown';

/** Handles a death in its turn: `do_restart` of OTP's supervisor.erl. */
export const bury = (draft: Draft, name: string, incarnation: number): void => {
  const child = draft.find(name);
  const reason = child?.thread?.incarnation === incarnation ? child.thread.ended : undefined;
  if (!child?.thread || !reason) return;
  const type = child.rules.restart;
  forgetOldParks(draft, child, child.thread);
  draft.setThread(name, undefined);
  if (type === 'permanent' || !isNormal(reason)) draft.report('child_terminated', reason, child);
  if (type === 'permanent' || (type === 'transient' && !isNormal(reason))) {
    restart(draft, name, reason.kind === 'hung' ? child.rules.hangTimeoutMs : undefined);
  } else settleStopped(draft, child);
};

/** A child that ran for as long as it was parked counts as recovered: its next park is a short one. */
const forgetOldParks = (draft: Draft, { rules, persisted }: Child, thread: Thread): void => {
  const { phase, parkedTimes } = persisted;
  if (parkedTimes === 0 || thread.runningSinceMs === undefined) return;
  const ranMs = draft.now.monoMs - thread.runningSinceMs;
  if (ranMs >= parkMsOf(draft, parkedTimes)) draft.persist(rules.name, { phase, parkedTimes: 0 });
};

const parkMsOf = (draft: Draft, nth: number): number => parkWaitMs(nth, draft.rules.parkMs, draft.rules.parkMaxMs);

// Restart

/**
 * `restart` of OTP's supervisor.erl; or the child's restart count, a wait, and its park. `hungAfterMs`: the bound that
 * was exceeded, if it hung.
 */
export const restart = (draft: Draft, name: string, hungAfterMs?: number): void => {
  const child = draft.find(name);
  if (!child) return;
  if (draft.likeOtp) restartLikeOtp(draft, child);
  else restartOrPark(draft, child, hungAfterMs);
};

const restartLikeOtp = (draft: Draft, child: Child): void => {
  const { name } = child.rules;
  const { monoMs } = draft.now;
  const verdict = addSharedRestart(draft.restartSeconds, monoMs, draft.rules);
  draft.restartSeconds = verdict.times;
  if (!verdict.allowed) {
    draft.report('shutdown', { kind: 'reached_max_restart_intensity' }, child);
    settleStopped(draft, child);
    draft.ending = { reason: 'restart_intensity', requests: [] };
    return;
  }
  // The supervisor's list dies with its thread: each child keeps its share, from which the next supervisor rebuilds it.
  const { maxSeconds } = draft.rules;
  const share = addChildRestart(child.persisted.restartTimesMs, monoMs, {
    maxSeconds: maxSeconds + 1,
    maxRestarts: Infinity,
  });
  draft.persist(name, { phase: 'restarting', restartTimesMs: share.times });
  announceAndSpawn(draft, name, 0);
};

const restartOrPark = (draft: Draft, child: Child, hungAfterMs: number | undefined): void => {
  const { name } = child.rules;
  const { restartTimesMs, hungTimesMs = [] } = child.persisted;
  const { monoMs } = draft.now;
  const verdict = addChildRestart(restartTimesMs, monoMs, child.rules);
  const hung =
    hungAfterMs === undefined
      ? { allowed: true, times: hungTimesMs }
      : addHungRestart(hungTimesMs, monoMs, { ...child.rules, hungAfterMs });
  const times = { restartTimesMs: verdict.times, ...(hung.times.length > 0 && { hungTimesMs: hung.times }) };
  if (!verdict.allowed || !hung.allowed) return park(draft, child, times);
  const inMs = restartWaitMs(verdict.times.length);
  draft.persist(name, { phase: 'restarting', ...times, ...(inMs > 0 && { dueMonoMs: monoMs + inMs }) });
  announceAndSpawn(draft, name, inMs);
};

const announceAndSpawn = (draft: Draft, name: string, inMs: number): void => {
  const child = draft.find(name);
  if (!child) return;
  draft.notice({ type: 'child:restarting', name, incarnation: child.persisted.incarnation + 1, inMs });
  if (inMs === 0) requestStart(draft, name, 'restart');
};

const park = (draft: Draft, child: Child, times: Pick<PersistedChild, 'restartTimesMs' | 'hungTimesMs'>): void => {
  const { name } = child.rules;
  const parkedTimes = child.persisted.parkedTimes + 1;
  const retryInMs = parkMsOf(draft, parkedTimes);
  const dueMonoMs = draft.now.monoMs + retryInMs;
  draft.persist(name, { phase: 'parked', ...times, parkedTimes, dueMonoMs });
  draft.notice({ type: 'child:parked', name, why: 'restart_intensity', retryInMs });
};

/** The counts after a start on request. */
export const cleanCount = { restartTimesMs: [], hungTimesMs: [], parkedTimes: 0 };

/** A user's resume clears the counts; a probe that dies within the old period is parked again at once. */
export const resume = (draft: Draft, child: Child, by: 'user' | 'probe'): void => {
  const { name } = child.rules;
  draft.persist(name, { phase: 'restarting', ...(by === 'user' && cleanCount) });
  draft.notice({ type: 'child:resumed', name, by });
  requestStart(draft, name, 'restart');
};

// Stop

/** Asks the child to stop, as its `shutdown` says; `requests` are answered when it has stopped. */
export const stop = (draft: Draft, child: Child, requests: readonly number[]): void => {
  const { name, shutdown } = child.rules;
  const { thread } = child;
  if (!thread) {
    stopWaiting(draft, child);
    for (const request of requests) draft.reply(request, { ok: true });
    return;
  }
  const asked = {
    reason: 'killed' as const,
    ...thread.stop,
    asked: true,
    requests: [...(thread.stop?.requests ?? []), ...requests],
  };
  const stopping: LiveChild = { ...child, thread: { ...thread, stop: asked } };
  if (thread.ended) return finishStop(draft, stopping, thread.ended);
  if (child.persisted.phase === 'zombie') return giveUp(draft, stopping);
  draft.persist(name, { phase: 'stopping', stopAsked: true });
  draft.setThread(name, stopping.thread);
  if (draft.likeOtp) draft.blockedOn = name;
  if (thread.stop) return;
  if (shutdown === 'brutal') return kill(draft, stopping, 'killed');
  if (shutdown !== 'infinity') {
    const killAtMs = draft.livedMs + shutdown;
    draft.setThread(name, { ...thread, stop: { ...asked, killAtMs } });
  }
  draft.effect({ kind: 'shut_down', name, incarnation: thread.incarnation });
};

/** Stops a child without a thread: one that waits for a place, or for its next start. */
const stopWaiting = (draft: Draft, child: Child): void => {
  const waiting = draft.unqueueStart(child.rules.name);
  if (waiting?.origin === 'start_child') drop(draft, child);
  else if (child.persisted.phase !== 'stopped') settleStopped(draft, child);
  if (waiting?.request !== undefined) {
    draft.reply(waiting.request, { ok: false, error: stoppedMeanwhile(child.rules.name) });
  }
};

/** Kills a thread, once. */
const kill = (draft: Draft, child: LiveChild, reason: 'killed' | 'hung'): void => {
  const { thread } = child;
  const { name } = child.rules;
  if (thread.stop?.zombieAtMs !== undefined || child.persisted.phase === 'zombie') return;
  const zombieAtMs = draft.livedMs + draft.rules.zombieAfterMs;
  const { asked, requests } = thread.stop ?? { asked: false, requests: [] };
  draft.setThread(name, { ...thread, stop: { asked, requests, reason, zombieAtMs } });
  draft.effect({ kind: 'kill', name, incarnation: thread.incarnation, reason });
};

/** The exits that OTP's `shutdown/1` does not report. */
const isExpectedEnd = ({ rules }: Child, reason: ExitReason): boolean => {
  if (rules.shutdown === 'brutal' && reason.kind === 'killed') return true;
  if (rules.shutdown !== 'brutal' && reason.kind === 'shutdown' && reason.detail === undefined) return true;
  return rules.restart !== 'permanent' && isNormal(reason);
};

const finishStop = (draft: Draft, child: LiveChild, reason: ExitReason): void => {
  const { name } = child.rules;
  const { thread } = child;
  const stuck = draft.zombiesOf(name).some((zombie) => zombie.incarnation === thread.incarnation);
  if (stuck || (!thread.failure && !isExpectedEnd(child, reason))) draft.report('shutdown_error', reason, child);
  draft.setThread(name, undefined);
  unblock(draft, name);
  // The caller of the start learns that it failed, so no child may remain to be restarted or deleted.
  if (thread.origin === 'start_child' && thread.request !== undefined) drop(draft, child);
  else settleStopped(draft, child);
  if (thread.request !== undefined) {
    draft.reply(thread.request, { ok: false, error: stoppedMeanwhile(name) });
  }
  for (const request of thread.stop?.requests ?? []) draft.reply(request, { ok: true });
};

/** Settles a child that has no thread, and will not start by itself. A temporary child's spec is dropped. */
const settleStopped = (draft: Draft, child: Child): void => {
  const { name, restart: type } = child.rules;
  if (type === 'temporary') return drop(draft, child);
  draft.persist(name, { phase: 'stopped' });
  draft.effect({ kind: 'withdraw', name });
  draft.notice({ type: 'child:stopped', name });
};

const drop = (draft: Draft, { rules: { name } }: Child): void => {
  draft.effect({ kind: 'withdraw', name });
  // First, because this makes the child's memory say that it has been stopped.
  draft.remove(name);
  draft.notice({ type: 'child:stopped', name });
};

const unblock = (draft: Draft, name: string): void => {
  if (draft.blockedOn === name) draft.blockedOn = undefined;
};

// Deadlines and zombies

/** Acts on the child's deadlines that have passed. */
export const meetDeadlines = (draft: Draft, child: Child): void => {
  const { livedMs } = draft;
  const { thread, persisted } = child;
  const { killAtMs = Infinity, zombieAtMs = Infinity } = thread?.stop ?? {};
  if (thread && !thread.ended && killAtMs <= livedMs) kill(draft, { ...child, thread }, 'killed');
  if (thread && !thread.ended && zombieAtMs <= livedMs) becomeZombie(draft, { ...child, thread });
  if (draft.ending || (persisted.dueMonoMs ?? Infinity) > draft.now.monoMs) return;
  if (persisted.phase === 'parked') return resume(draft, child, 'probe');
  // Its wait is over; now it waits for a place.
  draft.persist(child.rules.name, { phase: 'restarting' });
  requestStart(draft, child.rules.name, 'restart');
};

const becomeZombie = (draft: Draft, child: LiveChild): void => {
  const { name, restart: type } = child.rules;
  const { incarnation, origin, failure, stop: stopUnderWay } = child.thread;
  withdrawAtExit(draft, child);
  draft.notice({ type: 'child:zombie', name, incarnation });
  const hasSuccessor =
    !stopUnderWay?.asked &&
    type !== 'temporary' &&
    !(failure && (origin === 'start_child' || origin === 'restart_child'));
  if (!hasSuccessor) return giveUp(draft, child);
  const { zombieAtMs: _past, ...kept } = stopUnderWay ?? { asked: false, requests: [], reason: 'killed' as const };
  draft.persist(name, { phase: 'zombie' });
  draft.setThread(name, { ...child.thread, stop: kept });
  unblock(draft, name);
  const zombie = draft.find(name);
  if (zombie?.thread) succeed(draft, { ...zombie, thread: zombie.thread });
};

/** Starts a successor beside the zombie, if the zombie can be fenced and is the only one. */
const succeed = (draft: Draft, child: LiveChild): void => {
  const { name, fenceable } = child.rules;
  if (fenceable && draft.zombiesOf(name).length === 0) giveUp(draft, child);
};

/** Gives up waiting for the thread's exit: the child is treated as if the kill had ended it. */
const giveUp = (draft: Draft, child: LiveChild): void => {
  const { name } = child.rules;
  const { incarnation, failure, stop: stopUnderWay } = child.thread;
  draft.addZombie(name, incarnation);
  gone(draft, child, failure ? { kind: 'crash', error: failure } : { kind: stopUnderWay?.reason ?? 'killed' });
};
