/**
 * The supervisor: a pure function of its state, one event and the time.
 *
 * Under `escalation: 'supervisor'` it follows OTP's supervisor.erl (one_for_one) exactly. OTP's is a process which
 * blocks in each start and in each stop of a child, and handles messages one by one; this one can't block, so it
 * records what it would be blocked on and keeps everything else in its inbox, in order. Under `escalation: 'child'`
 * children are independent: only commands wait, for the first start and for the stop of the child that they name.
 */
import {
  bury,
  cleanCount,
  exited,
  failed,
  hung,
  maySpawn,
  meetDeadlines,
  restart,
  resume,
  requestStart,
  spawn,
  started,
  stop,
  zombieExited,
} from './child-life.js';
import { secondOf } from './restart-intensity.js';
import { Draft, holdsPlace } from './supervisor-draft.js';
import {
  alreadyStarted,
  notFound,
  startedTwice,
  stillRestarting,
  stillRunning,
  supervisorStopped,
  zombieLives,
} from './supervisor-errors.js';
import {
  newPersistedChild,
  type Child,
  type Launch,
  type SupervisorInstant,
  type SupervisorState,
  type Waiting,
} from './supervisor-state.js';
import type { ChildRules, SupervisorCommand, SupervisorEffect, SupervisorEvent } from './types.js';

export {
  countChildren,
  initialSupervisorState,
  whichChildren,
  type ChildCounts,
  type ChildSummary,
  type SupervisorInstant,
  type SupervisorState,
} from './supervisor-state.js';

type EventOf<Kind extends SupervisorEvent['kind']> = Extract<SupervisorEvent, { kind: Kind }>;

/** Handles an event: returns the next state, and the effects that the shell must carry out, in this order. */
export const supervise = (
  state: SupervisorState,
  event: SupervisorEvent,
  now: SupervisorInstant,
): { readonly state: SupervisorState; readonly effects: readonly SupervisorEffect[] } => {
  const draft = new Draft(state, now);
  accept(draft, event);
  settle(draft);
  return draft.finish();
};

const accept = (draft: Draft, event: SupervisorEvent): void => {
  switch (event.kind) {
    case 'start':
      return start(draft, event);
    case 'adopt':
      return adopt(draft, event);
    case 'command':
      return receive(draft, event);
    case 'started': {
      const child = draft.current(event.name, event.incarnation);
      return child && started(draft, child);
    }
    case 'start_failed': {
      const child = draft.current(event.name, event.incarnation);
      return child && failed(draft, child, event.error, event.timedOut);
    }
    case 'exited': {
      if (draft.removeZombie(event.name, event.incarnation)) {
        return zombieExited(draft, event.name, event.incarnation, event.reason);
      }
      const child = draft.current(event.name, event.incarnation);
      return child && exited(draft, child, event.reason);
    }
    case 'hung': {
      const child = draft.current(event.name, event.incarnation);
      return child && hung(draft, child);
    }
    case 'woken':
      for (const child of draft.children) meetDeadlines(draft, child);
  }
};

/** Continues as long as something can be done without another event. */
const settle = (draft: Draft): void => {
  for (;;) {
    if (draft.ending) return sweep(draft);
    launch(draft);
    const next = draft.dequeue((waiting) => isReady(draft, waiting));
    if (!next) return;
    attend(draft, next);
  }
};

const isReady = (draft: Draft, waiting: Waiting): boolean => {
  if (draft.likeOtp) return draft.stage === 'open' && draft.blockedOn === undefined;
  if (waiting.kind !== 'command') return true;
  return draft.stage === 'open' && !isAskedToStop(draft, nameIn(waiting.command));
};

const attend = (draft: Draft, waiting: Waiting): void => {
  switch (waiting.kind) {
    case 'command':
      return obey(draft, waiting.request, waiting.command);
    case 'died':
      return bury(draft, waiting.name, waiting.incarnation);
    case 'try_again':
      if (draft.find(waiting.name)?.persisted.phase === 'restarting') restart(draft, waiting.name);
  }
};

// The first start, and the start of a supervisor that replaces one

const start = (draft: Draft, { request, children }: EventOf<'start'>): void => {
  if (draft.stage !== 'new' || draft.ending) {
    const error = draft.stage === 'ended' || draft.ending ? supervisorStopped() : startedTwice();
    return draft.reply(request, { ok: false, error });
  }
  draft.stage = 'booting';
  draft.startRequest = request;
  for (const rules of children) addChild(draft, rules);
  draft.launching = children.map(({ name }) => ({ name, origin: 'first' }));
};

const addChild = (draft: Draft, rules: ChildRules): void => {
  draft.add(rules, newPersistedChild);
  draft.effect({ kind: 'persist', name: rules.name, persisted: newPersistedChild });
};

const adopt = (draft: Draft, { children }: EventOf<'adopt'>): void => {
  if (draft.stage !== 'new' || draft.ending) return;
  draft.stage = 'open';
  for (const { rules, persisted } of children) draft.add(rules, persisted);
  // Children that can't serve their readers first, then by the time until which they can. OTP's order is that of the
  // start.
  const byNeed = draft.likeOtp
    ? children
    : [...children].sort((a, b) => (a.servedUntilMs ?? -Infinity) - (b.servedUntilMs ?? -Infinity) || 0);
  for (const { rules } of byNeed) adoptChild(draft, draft.find(rules.name));
  draft.restartSeconds = draft.children
    .flatMap(({ persisted }) => persisted.restartTimesMs.map(secondOf))
    .sort((a, b) => b - a);
};

/**
 * Adopts a child: stopped and parked ones stay so, running ones are started. Not a restart of the child: the supervisor
 * died.
 */
const adoptChild = (draft: Draft, child: Child | undefined): void => {
  if (!child) return;
  const { name } = child.rules;
  const { phase, dueMonoMs, stopAsked } = child.persisted;
  if (phase === 'stopped') return;
  if (stopAsked) return stop(draft, child, []);
  if (phase === 'parked' || (phase === 'restarting' && dueMonoMs !== undefined)) return;
  draft.persist(name, { phase: child.persisted.incarnation === 0 ? 'starting' : 'restarting' });
  draft.queueStart({ name, origin: 'adopted' });
};

/** Fills the places for starts, and opens when all of the first start have started. */
const launch = (draft: Draft): void => {
  // OTP's supervisor is blocked in each start: it starts one at a time.
  const places = draft.likeOtp ? Infinity : draft.rules.startConcurrency;
  while (draft.blockedOn === undefined && booting(draft) < places) {
    const next = nextLaunch(draft);
    if (!next) break;
    draft.unqueueStart(next.name);
    const child = draft.find(next.name);
    if (child) spawn(draft, child, next.origin, next.request);
  }
  if (draft.stage !== 'booting' || isInFirstStart(draft)) return;
  draft.stage = 'open';
  answerStart(draft);
};

/** The next start: children that already have readers go first; then in order of arrival. */
const nextLaunch = (draft: Draft): Launch | undefined => {
  const isBack = ({ origin }: Launch): boolean => origin === 'adopted' || origin === 'restart';
  return (draft.likeOtp ? undefined : draft.launching.find(isBack)) ?? draft.launching[0];
};

/** How many places are taken: a booting thread needs a processor. */
const booting = (draft: Draft): number =>
  draft.children.filter(({ thread }) => thread !== undefined && holdsPlace(thread, draft.livedMs)).length;

const isInFirstStart = (draft: Draft): boolean =>
  draft.launching.some(({ origin }) => origin === 'first') ||
  draft.children.some(
    ({ thread }) => thread?.origin === 'first' && thread.runningSinceMs === undefined && !thread.ended,
  );

const answerStart = (draft: Draft): void => {
  if (draft.startRequest === undefined) return;
  const error = draft.ending && (draft.ending.startError ?? supervisorStopped());
  draft.reply(draft.startRequest, error ? { ok: false, error } : { ok: true });
  draft.startRequest = undefined;
};

// Commands

const nameIn = (command: SupervisorCommand): string | undefined => {
  if (command.kind === 'close') return undefined;
  return command.kind === 'start_child' ? command.rules.name : command.name;
};

const isAskedToStop = (draft: Draft, name: string | undefined): boolean =>
  name !== undefined && draft.find(name)?.thread?.stop?.asked === true;

/** Takes a command. It is handled in its turn, but a `close` of independent children need not wait. */
const receive = (draft: Draft, { request, command }: EventOf<'command'>): void => {
  if (draft.stage === 'ended' || draft.ending) {
    if (command.kind !== 'close') return draft.reply(request, { ok: false, error: supervisorStopped() });
    if (draft.stage === 'ended') return draft.reply(request, { ok: true });
    if (draft.ending) draft.ending = { ...draft.ending, requests: [...draft.ending.requests, request] };
    return;
  }
  if (command.kind === 'close' && (!draft.likeOtp || draft.stage === 'new')) return obey(draft, request, command);
  draft.enqueue({ kind: 'command', request, command });
};

/** `handle_call` of OTP's supervisor.erl. */
const obey = (draft: Draft, request: number, command: SupervisorCommand): void => {
  if (command.kind === 'close') {
    draft.ending = { reason: 'closed', requests: [request] };
    return;
  }
  if (command.kind === 'start_child') return startChild(draft, request, command.rules);
  const child = draft.find(command.name);
  if (!child) return draft.reply(request, { ok: false, error: notFound(command.name) });
  switch (command.kind) {
    case 'terminate_child':
      return stop(draft, child, [request]);
    case 'restart_child':
      return restartChild(draft, request, child);
    case 'delete_child':
      return deleteChild(draft, request, child);
    case 'resume_child':
      if (child.persisted.phase === 'parked') resume(draft, child, 'user');
      draft.reply(request, { ok: true });
  }
};

const startChild = (draft: Draft, request: number, rules: ChildRules): void => {
  const { name, fenceable } = rules;
  const existing = draft.find(name);
  if (existing) {
    return draft.reply(request, { ok: false, error: alreadyStarted(name, existing.persisted.phase) });
  }
  if (!maySpawn(draft, name, fenceable)) return draft.reply(request, { ok: false, error: zombieLives(name) });
  addChild(draft, rules);
  requestStart(draft, name, 'start_child', request);
};

const restartChild = (draft: Draft, request: number, child: Child): void => {
  const { name, fenceable } = child.rules;
  if (!answerUnlessStopped(draft, request, child)) return;
  if (!maySpawn(draft, name, fenceable)) return draft.reply(request, { ok: false, error: zombieLives(name) });
  // A start on request clears the counts. OTP's count belongs to the supervisor and is not cleared.
  draft.persist(name, { phase: 'starting', ...(!draft.likeOtp && cleanCount) });
  requestStart(draft, name, 'restart_child', request);
};

const deleteChild = (draft: Draft, request: number, child: Child): void => {
  if (!answerUnlessStopped(draft, request, child)) return;
  draft.remove(child.rules.name);
  draft.reply(request, { ok: true });
};

/** True if the child is stopped; otherwise answers the command with the error. */
const answerUnlessStopped = (draft: Draft, request: number, { rules, persisted, thread }: Child): boolean => {
  const { phase } = persisted;
  if (phase === 'stopped') return true;
  const between = (!thread && phase !== 'starting') || phase === 'zombie' || thread?.failure !== undefined;
  const error = between ? stillRestarting(rules.name, phase) : stillRunning(rules.name);
  draft.reply(request, { ok: false, error });
  return false;
};

// The end

/** Stops the children one after the other, the last first; when none is left, answers everything. */
const sweep = (draft: Draft): void => {
  if (draft.stage === 'ended' || !draft.ending) return;
  for (const { rules } of draft.children.toReversed()) {
    const child = draft.find(rules.name);
    if (child && (child.thread || child.persisted.phase !== 'stopped') && !child.thread?.stop?.asked)
      stop(draft, child, []);
    if (draft.find(rules.name)?.thread) return;
  }
  draft.stage = 'ended';
  draft.blockedOn = undefined;
  answerStart(draft);
  for (;;) {
    const left = draft.dequeue(() => true);
    if (!left) break;
    if (left.kind !== 'command') continue;
    const { kind } = left.command;
    draft.reply(left.request, kind === 'close' ? { ok: true } : { ok: false, error: supervisorStopped() });
  }
  for (const request of draft.ending.requests) draft.reply(request, { ok: true });
  draft.effect({ kind: 'end', reason: draft.ending.reason });
};
