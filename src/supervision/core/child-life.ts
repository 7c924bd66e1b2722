/**
 * The life of one child: an incarnation starts, runs, dies, is restarted, parked, asked to stop, killed, succeeded.
 *
 * This code does not look at other children, but uses three facts of the draft: what the supervisor is blocked on, the
 * shared restart count, and whether it is ending.
 */
import { addChildRestart, addHungRestart, addSharedRestart, parkWaitMs, restartWaitMs } from './restart-intensity.js';
import type { Transition } from './supervisor-transition.js';
import { endedInStart, startFailed, stoppedMeanwhile } from './supervisor-errors.js';
import type { Child, Origin, Thread } from './supervisor-state.js';
import type { ExitReason } from './terms.js';
import type { PersistedChild } from './types.js';

type LiveChild = Child & { readonly thread: Thread };

// Start

/** Two threads of a child may live only if the older is a zombie that can be fenced; three never. */
export const maySpawn = (transition: Transition, name: string, fenceable: boolean): boolean => {
  const zombies = transition.zombiesOf(name).length;
  return zombies === 0 || (zombies === 1 && fenceable);
};

/**
 * How long a boot holds its place: ms. A hanging boot must not block the others. A boot takes tens of ms of a
 * processor.
 */
const PLACE_MS = 5_000;

/** Queues its start for the next free place. */
export const requestStart = (transition: Transition, name: string, origin: Origin, request?: number): void =>
  transition.queueStart({ name, origin, ...(request !== undefined && { request }) });

export const spawn = (transition: Transition, child: Child, origin: Origin, request?: number): void => {
  const { name } = child.rules;
  const zombies = transition.zombiesOf(name).map((zombie) => zombie.incarnation);
  // A child whose name had been in use may meet a zombie of its namesake: their numbers must differ.
  const incarnation = Math.max(child.persisted.incarnation, ...zombies) + 1;
  const restarts = child.persisted.restarts + (origin === 'restart' ? 1 : 0);
  transition.persist(name, { phase: 'starting', incarnation, restarts });
  const placeUntilMs = transition.likeOtp ? Infinity : transition.livedMs + PLACE_MS;
  transition.setThread(name, { incarnation, origin, placeUntilMs, ...(request !== undefined && { request }) });
  if (transition.likeOtp) transition.blockedOn = name;
  const [beside] = zombies;
  transition.effect({ kind: 'spawn', name, incarnation, ...(beside !== undefined && { beside }) });
};

/** Init is done. */
export const started = (transition: Transition, child: LiveChild): void => {
  if (child.persisted.phase !== 'starting') return;
  const { name } = child.rules;
  const { request, ...thread } = child.thread;
  transition.persist(name, { phase: 'running' });
  transition.setThread(name, { ...thread, runningSinceMs: transition.now.monoMs });
  const again = thread.incarnation > 1 && (thread.origin === 'restart' || thread.origin === 'adopted');
  transition.notice({ type: again ? 'child:restarted' : 'child:started', name, incarnation: thread.incarnation });
  unblock(transition, name);
  if (request !== undefined) transition.reply(request, { ok: true });
};

/** Called when init has failed. A first start ends the supervisor at once; in all other cases the exit is awaited. */
export const failed = (
  transition: Transition,
  child: LiveChild,
  failure: NonNullable<Thread['failure']>,
  timedOut = false,
): void => {
  const { phase } = child.persisted;
  const { name } = child.rules;
  if (phase === 'stopping') return kill(transition, child, 'killed');
  if (phase !== 'starting') return;
  const thread = { ...child.thread, failure, timedOut };
  transition.persist(name, { phase: 'stopping' });
  kill(transition, { ...child, thread }, 'killed');
  if (thread.origin === 'first') firstStartFailed(transition, child, failure);
};

const firstStartFailed = (transition: Transition, child: Child, failure: NonNullable<Thread['failure']>): void => {
  if (transition.ending) return;
  transition.report('start_error', { kind: 'crash', error: failure }, child);
  transition.ending = { reason: 'start_failed', requests: [], startError: startFailed(child.rules.name, failure) };
};

/** Its start hung: it was not done in time, or its thread was ended as `hung`. */
const hasHung = (transition: Transition, { rules, thread }: LiveChild): boolean =>
  thread.timedOut === true || transition.find(rules.name)?.persisted.lastExit?.reason.kind === 'hung';

/** The thread of a start that failed is gone, or will not be waited for any longer. */
const finishFailedStart = (transition: Transition, child: LiveChild, failure: NonNullable<Thread['failure']>): void => {
  const { name, restart: type } = child.rules;
  const { origin, request } = child.thread;
  transition.setThread(name, undefined);
  unblock(transition, name);
  switch (origin) {
    case 'first':
      return firstStartFailed(transition, child, failure);
    case 'start_child':
      drop(transition, child);
      break;
    case 'restart_child':
      settleStopped(transition, child);
      break;
    case 'adopted':
    case 'restart':
      transition.report('start_error', { kind: 'crash', error: failure }, child);
      if (type === 'temporary') settleStopped(transition, child);
      else if (transition.likeOtp) {
        // OTP hands control back before it tries again, so that what has come meanwhile is looked at first.
        transition.persist(name, { phase: 'restarting' });
        transition.enqueue({ kind: 'try_again', name });
      } else restart(transition, name, hasHung(transition, child) ? child.rules.initTimeoutMs : undefined);
  }
  if (request !== undefined) transition.reply(request, { ok: false, error: startFailed(name, failure) });
};

// Death

/** The heartbeat is silent. A child that is asked to stop and hangs is not waited for either. */
export const hung = (transition: Transition, child: LiveChild): void => {
  if (!child.thread.stop) transition.persist(child.rules.name, { phase: 'stopping' });
  kill(transition, child, 'hung');
};

/** The thread has exited. */
export const exited = (transition: Transition, child: LiveChild, reason: ExitReason): void => {
  const { failure, incarnation } = child.thread;
  // The error of the start says more than the kill that followed it.
  const told: ExitReason = failure ? { kind: 'crash', error: failure } : reason;
  withdrawAtExit(transition, child);
  transition.notice({ type: 'child:exited', name: child.rules.name, incarnation, reason: told });
  gone(transition, child, told);
};

/** Before anybody hears of the exit, and before any decision on what follows. */
const withdrawAtExit = (transition: Transition, { rules: { name, onExit } }: Child): void => {
  if (onExit === 'withdraw') transition.effect({ kind: 'withdraw', name });
};

/** A thread that had been given up has exited: its place is free. What is published by now is its successor's. */
export const zombieExited = (transition: Transition, name: string, incarnation: number, reason: ExitReason): void => {
  transition.notice({ type: 'child:exited', name, incarnation, reason });
  const child = transition.find(name);
  if (child?.thread && !child.thread.ended && child.persisted.phase === 'zombie')
    succeed(transition, { ...child, thread: child.thread });
};

/** The thread counts no more: by its exit, or as a zombie. What is to be done waits for its turn, if it has one. */
const gone = (transition: Transition, child: LiveChild, reason: ExitReason): void => {
  const { name } = child.rules;
  const { thread } = child;
  const { dueMonoMs: _due, ...persisted } = child.persisted;
  transition.persist(name, { ...persisted, lastExit: { reason, atMs: transition.now.wallMs } });
  if (thread.stop?.asked) return finishStop(transition, child, reason);
  if (!transition.ending && thread.runningSinceMs === undefined) {
    return finishFailedStart(transition, child, thread.failure ?? endedInStart(name, reason));
  }
  transition.setThread(name, { ...thread, ended: reason });
  transition.enqueue({ kind: 'died', name, incarnation: thread.incarnation });
};

const isNormal = (reason: ExitReason): boolean => reason.kind === 'normal' || reason.kind === 'shutdown';

/** The turn of a death has come: `do_restart` of OTP's supervisor.erl. */
export const handleExit = (transition: Transition, name: string, incarnation: number): void => {
  const child = transition.find(name);
  const reason = child?.thread?.incarnation === incarnation ? child.thread.ended : undefined;
  if (!child?.thread || !reason) return;
  const type = child.rules.restart;
  forgetOldParks(transition, child, child.thread);
  transition.setThread(name, undefined);
  if (type === 'permanent' || !isNormal(reason)) transition.report('child_terminated', reason, child);
  if (type === 'permanent' || (type === 'transient' && !isNormal(reason))) {
    restart(transition, name, reason.kind === 'hung' ? child.rules.hangTimeoutMs : undefined);
  } else settleStopped(transition, child);
};

/** A child that ran for as long as it had been parked is well again: its next park is a short one. */
const forgetOldParks = (transition: Transition, { rules, persisted }: Child, thread: Thread): void => {
  const { phase, parkedTimes } = persisted;
  if (parkedTimes === 0 || thread.runningSinceMs === undefined) return;
  const ranMs = transition.now.monoMs - thread.runningSinceMs;
  if (ranMs >= parkMsOf(transition, parkedTimes)) transition.persist(rules.name, { phase, parkedTimes: 0 });
};

const parkMsOf = (transition: Transition, nth: number): number =>
  parkWaitMs(nth, transition.rules.parkMs, transition.rules.parkMaxMs);

// Restart

/**
 * `restart` of OTP's supervisor.erl; or the child's restart count, a wait, and its park. `hungAfterMs`: the bound that
 * was exceeded, if it hung.
 */
export const restart = (transition: Transition, name: string, hungAfterMs?: number): void => {
  const child = transition.find(name);
  if (!child) return;
  if (transition.likeOtp) restartLikeOtp(transition, child);
  else restartOrPark(transition, child, hungAfterMs);
};

const restartLikeOtp = (transition: Transition, child: Child): void => {
  const { name } = child.rules;
  const { monoMs } = transition.now;
  const verdict = addSharedRestart(transition.restartSeconds, monoMs, transition.rules);
  transition.restartSeconds = verdict.times;
  if (!verdict.allowed) {
    transition.report('shutdown', { kind: 'reached_max_restart_intensity' }, child);
    settleStopped(transition, child);
    transition.ending = { reason: 'restart_intensity', requests: [] };
    return;
  }
  // The supervisor's own list dies with its thread: each child keeps its share, for the next supervisor to put together.
  const { maxSeconds } = transition.rules;
  const share = addChildRestart(child.persisted.restartTimesMs, monoMs, {
    maxSeconds: maxSeconds + 1,
    maxRestarts: Infinity,
  });
  transition.persist(name, { phase: 'restarting', restartTimesMs: share.times });
  announceAndSpawn(transition, name, 0);
};

const restartOrPark = (transition: Transition, child: Child, hungAfterMs: number | undefined): void => {
  const { name } = child.rules;
  const { restartTimesMs, hungTimesMs = [] } = child.persisted;
  const { monoMs } = transition.now;
  const verdict = addChildRestart(restartTimesMs, monoMs, child.rules);
  const hung =
    hungAfterMs === undefined
      ? { allowed: true, times: hungTimesMs }
      : addHungRestart(hungTimesMs, monoMs, { ...child.rules, hungAfterMs });
  const times = { restartTimesMs: verdict.times, ...(hung.times.length > 0 && { hungTimesMs: hung.times }) };
  if (!verdict.allowed || !hung.allowed) return park(transition, child, times);
  const inMs = restartWaitMs(verdict.times.length);
  transition.persist(name, { phase: 'restarting', ...times, ...(inMs > 0 && { dueMonoMs: monoMs + inMs }) });
  announceAndSpawn(transition, name, inMs);
};

const announceAndSpawn = (transition: Transition, name: string, inMs: number): void => {
  const child = transition.find(name);
  if (!child) return;
  transition.notice({ type: 'child:restarting', name, incarnation: child.persisted.incarnation + 1, inMs });
  if (inMs === 0) requestStart(transition, name, 'restart');
};

const park = (
  transition: Transition,
  child: Child,
  times: Pick<PersistedChild, 'restartTimesMs' | 'hungTimesMs'>,
): void => {
  const { name } = child.rules;
  const parkedTimes = child.persisted.parkedTimes + 1;
  const retryInMs = parkMsOf(transition, parkedTimes);
  const dueMonoMs = transition.now.monoMs + retryInMs;
  transition.persist(name, { phase: 'parked', ...times, parkedTimes, dueMonoMs });
  transition.notice({ type: 'child:parked', name, why: 'restart_intensity', retryInMs });
};

/** The counts after a start on request. */
export const cleanCount = { restartTimesMs: [], hungTimesMs: [], parkedTimes: 0 };

/** A person un-parks with a clean count; a probe that dies within the old period goes straight back. */
export const resume = (transition: Transition, child: Child, by: 'user' | 'probe'): void => {
  const { name } = child.rules;
  transition.persist(name, { phase: 'restarting', ...(by === 'user' && cleanCount) });
  transition.notice({ type: 'child:resumed', name, by });
  requestStart(transition, name, 'restart');
};

// Stop

/** Asks the child to stop, as its `shutdown` says; `requests` are answered when it has. */
export const stop = (transition: Transition, child: Child, requests: readonly number[]): void => {
  const { name, shutdown } = child.rules;
  const { thread } = child;
  if (!thread) {
    stopWaiting(transition, child);
    for (const request of requests) transition.reply(request, { ok: true });
    return;
  }
  const asked = {
    reason: 'killed' as const,
    ...thread.stop,
    asked: true,
    requests: [...(thread.stop?.requests ?? []), ...requests],
  };
  const stopping: LiveChild = { ...child, thread: { ...thread, stop: asked } };
  if (thread.ended) return finishStop(transition, stopping, thread.ended);
  if (child.persisted.phase === 'zombie') return giveUp(transition, stopping);
  transition.persist(name, { phase: 'stopping', stopAsked: true });
  transition.setThread(name, stopping.thread);
  if (transition.likeOtp) transition.blockedOn = name;
  if (thread.stop) return;
  if (shutdown === 'brutal') return kill(transition, stopping, 'killed');
  if (shutdown !== 'infinity') {
    const killAtMs = transition.livedMs + shutdown;
    transition.setThread(name, { ...thread, stop: { ...asked, killAtMs } });
  }
  transition.effect({ kind: 'shut_down', name, incarnation: thread.incarnation });
};

/** Stops a child that has no thread: one that waits for a place, or for its time, waits for it no more. */
const stopWaiting = (transition: Transition, child: Child): void => {
  const waiting = transition.unqueueStart(child.rules.name);
  if (waiting?.origin === 'start_child') drop(transition, child);
  else if (child.persisted.phase !== 'stopped') settleStopped(transition, child);
  if (waiting?.request !== undefined) {
    transition.reply(waiting.request, { ok: false, error: stoppedMeanwhile(child.rules.name) });
  }
};

/** Once for each thread. */
const kill = (transition: Transition, child: LiveChild, reason: 'killed' | 'hung'): void => {
  const { thread } = child;
  const { name } = child.rules;
  if (thread.stop?.zombieAtMs !== undefined || child.persisted.phase === 'zombie') return;
  const zombieAtMs = transition.livedMs + transition.rules.zombieAfterMs;
  const { asked, requests } = thread.stop ?? { asked: false, requests: [] };
  transition.setThread(name, { ...thread, stop: { asked, requests, reason, zombieAtMs } });
  transition.effect({ kind: 'kill', name, incarnation: thread.incarnation, reason });
};

/** The exits that OTP's `shutdown/1` does not report. */
const isExpectedEnd = ({ rules }: Child, reason: ExitReason): boolean => {
  if (rules.shutdown === 'brutal' && reason.kind === 'killed') return true;
  if (rules.shutdown !== 'brutal' && reason.kind === 'shutdown' && reason.detail === undefined) return true;
  return rules.restart !== 'permanent' && isNormal(reason);
};

const finishStop = (transition: Transition, child: LiveChild, reason: ExitReason): void => {
  const { name } = child.rules;
  const { thread } = child;
  const stuck = transition.zombiesOf(name).some((zombie) => zombie.incarnation === thread.incarnation);
  if (stuck || (!thread.failure && !isExpectedEnd(child, reason))) transition.report('shutdown_error', reason, child);
  transition.setThread(name, undefined);
  unblock(transition, name);
  // The caller that asked for the start learns that it failed, so there is nothing to restart or delete.
  if (thread.origin === 'start_child' && thread.request !== undefined) drop(transition, child);
  else settleStopped(transition, child);
  if (thread.request !== undefined) {
    transition.reply(thread.request, { ok: false, error: stoppedMeanwhile(name) });
  }
  for (const request of thread.stop?.requests ?? []) transition.reply(request, { ok: true });
};

/** No thread, and none will start by itself. A temporary child's spec goes with it. */
const settleStopped = (transition: Transition, child: Child): void => {
  const { name, restart: type } = child.rules;
  if (type === 'temporary') return drop(transition, child);
  transition.persist(name, { phase: 'stopped' });
  transition.effect({ kind: 'withdraw', name });
  transition.notice({ type: 'child:stopped', name });
};

const drop = (transition: Transition, { rules: { name } }: Child): void => {
  transition.effect({ kind: 'withdraw', name });
  // First, because it is by this that the child's memory says that it has been stopped.
  transition.remove(name);
  transition.notice({ type: 'child:stopped', name });
};

const unblock = (transition: Transition, name: string): void => {
  if (transition.blockedOn === name) transition.blockedOn = undefined;
};

// Deadlines and zombies

/** The time is past a deadline of the child's, perhaps. */
export const meetDeadlines = (transition: Transition, child: Child): void => {
  const { livedMs } = transition;
  const { thread, persisted } = child;
  const { killAtMs = Infinity, zombieAtMs = Infinity } = thread?.stop ?? {};
  if (thread && !thread.ended && killAtMs <= livedMs) kill(transition, { ...child, thread }, 'killed');
  if (thread && !thread.ended && zombieAtMs <= livedMs) becomeZombie(transition, { ...child, thread });
  if (transition.ending || (persisted.dueMonoMs ?? Infinity) > transition.now.monoMs) return;
  if (persisted.phase === 'parked') return resume(transition, child, 'probe');
  // Its wait is over; now it waits for a place.
  transition.persist(child.rules.name, { phase: 'restarting' });
  requestStart(transition, child.rules.name, 'restart');
};

const becomeZombie = (transition: Transition, child: LiveChild): void => {
  const { name, restart: type } = child.rules;
  const { incarnation, origin, failure, stop: stopUnderWay } = child.thread;
  withdrawAtExit(transition, child);
  transition.notice({ type: 'child:zombie', name, incarnation });
  const hasSuccessor =
    !stopUnderWay?.asked &&
    type !== 'temporary' &&
    !(failure && (origin === 'start_child' || origin === 'restart_child'));
  if (!hasSuccessor) return giveUp(transition, child);
  const { zombieAtMs: _past, ...kept } = stopUnderWay ?? { asked: false, requests: [], reason: 'killed' as const };
  transition.persist(name, { phase: 'zombie' });
  transition.setThread(name, { ...child.thread, stop: kept });
  unblock(transition, name);
  const zombie = transition.find(name);
  if (zombie?.thread) succeed(transition, { ...zombie, thread: zombie.thread });
};

/** Lets a successor start beside the zombie, if the zombie can be fenced and is the only one. */
const succeed = (transition: Transition, child: LiveChild): void => {
  const { name, fenceable } = child.rules;
  if (fenceable && transition.zombiesOf(name).length === 0) giveUp(transition, child);
};

/** The thread is not waited for any longer: for the child it is as if it had exited by the kill. */
const giveUp = (transition: Transition, child: LiveChild): void => {
  const { name } = child.rules;
  const { incarnation, failure, stop: stopUnderWay } = child.thread;
  transition.addZombie(name, incarnation);
  gone(transition, child, failure ? { kind: 'crash', error: failure } : { kind: stopUnderWay?.reason ?? 'killed' });
};
