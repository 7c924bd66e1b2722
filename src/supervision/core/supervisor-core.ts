/**
 * The supervisor: a pure function of its state, one event and the time.
 *
 * Under `escalation: 'supervisor'` it follows OTP's supervisor.erl (one_for_one) exactly. OTP's is a process which
 * blocks in each start and in each stop of a child, and handles messages one by one; this one can't block, so it
 * records what it would be blocked on and keeps everything else in its inbox, in order. Under `escalation: 'child'`
 * children are independent: only commands wait, for the first start and for the stop of the child that they name.
 */
import {
  handleExit,
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
import { Transition, holdsPlace } from './supervisor-transition.js';
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
  const transition = new Transition(state, now);
  accept(transition, event);
  settle(transition);
  return transition.finish();
};

const accept = (transition: Transition, event: SupervisorEvent): void => {
  switch (event.kind) {
    case 'start':
      return start(transition, event);
    case 'adopt':
      return adopt(transition, event);
    case 'command':
      return receive(transition, event);
    case 'started': {
      const child = transition.current(event.name, event.incarnation);
      return child && started(transition, child);
    }
    case 'start_failed': {
      const child = transition.current(event.name, event.incarnation);
      return child && failed(transition, child, event.error, event.timedOut);
    }
    case 'exited': {
      if (transition.removeZombie(event.name, event.incarnation)) {
        return zombieExited(transition, event.name, event.incarnation, event.reason);
      }
      const child = transition.current(event.name, event.incarnation);
      return child && exited(transition, child, event.reason);
    }
    case 'hung': {
      const child = transition.current(event.name, event.incarnation);
      return child && hung(transition, child);
    }
    case 'woken':
      for (const child of transition.children) meetDeadlines(transition, child);
  }
};

/** Goes on for as long as something can be done without another event. */
const settle = (transition: Transition): void => {
  for (;;) {
    if (transition.ending) return terminateChildren(transition);
    launch(transition);
    const next = transition.dequeue((waiting) => isReady(transition, waiting));
    if (!next) return;
    handleQueued(transition, next);
  }
};

const isReady = (transition: Transition, waiting: Waiting): boolean => {
  if (transition.likeOtp) return transition.stage === 'open' && transition.blockedOn === undefined;
  if (waiting.kind !== 'command') return true;
  return transition.stage === 'open' && !isAskedToStop(transition, nameIn(waiting.command));
};

const handleQueued = (transition: Transition, waiting: Waiting): void => {
  switch (waiting.kind) {
    case 'command':
      return handleCommand(transition, waiting.request, waiting.command);
    case 'died':
      return handleExit(transition, waiting.name, waiting.incarnation);
    case 'try_again':
      if (transition.find(waiting.name)?.persisted.phase === 'restarting') restart(transition, waiting.name);
  }
};

// The first start, and the start of a supervisor that replaces one

const start = (transition: Transition, { request, children }: EventOf<'start'>): void => {
  if (transition.stage !== 'new' || transition.ending) {
    const error = transition.stage === 'ended' || transition.ending ? supervisorStopped() : startedTwice();
    return transition.reply(request, { ok: false, error });
  }
  transition.stage = 'booting';
  transition.startRequest = request;
  for (const rules of children) addChild(transition, rules);
  transition.launching = children.map(({ name }) => ({ name, origin: 'first' }));
};

const addChild = (transition: Transition, rules: ChildRules): void => {
  transition.add(rules, newPersistedChild);
  transition.effect({ kind: 'persist', name: rules.name, persisted: newPersistedChild });
};

const adopt = (transition: Transition, { children }: EventOf<'adopt'>): void => {
  if (transition.stage !== 'new' || transition.ending) return;
  transition.stage = 'open';
  for (const { rules, persisted } of children) transition.add(rules, persisted);
  // Those whose readers are without first, then in the order in which they will be. OTP's order is that of the start.
  const byNeed = transition.likeOtp
    ? children
    : [...children].sort((a, b) => (a.servedUntilMs ?? -Infinity) - (b.servedUntilMs ?? -Infinity) || 0);
  for (const { rules } of byNeed) adoptChild(transition, transition.find(rules.name));
  transition.restartSeconds = transition.children
    .flatMap(({ persisted }) => persisted.restartTimesMs.map(secondOf))
    .sort((a, b) => b - a);
};

/** What stood still stands still; what ran, runs again. Not a restart of the child's: the supervisor died. */
const adoptChild = (transition: Transition, child: Child | undefined): void => {
  if (!child) return;
  const { name } = child.rules;
  const { phase, dueMonoMs, stopAsked } = child.persisted;
  if (phase === 'stopped') return;
  if (stopAsked) return stop(transition, child, []);
  if (phase === 'parked' || (phase === 'restarting' && dueMonoMs !== undefined)) return;
  transition.persist(name, { phase: child.persisted.incarnation === 0 ? 'starting' : 'restarting' });
  transition.queueStart({ name, origin: 'adopted' });
};

/** Fills the places for starts, and opens when all of the first start have started. */
const launch = (transition: Transition): void => {
  // OTP's supervisor is blocked in each start: there is one at a time.
  const places = transition.likeOtp ? Infinity : transition.rules.startConcurrency;
  while (transition.blockedOn === undefined && booting(transition) < places) {
    const next = nextLaunch(transition);
    if (!next) break;
    transition.unqueueStart(next.name);
    const child = transition.find(next.name);
    if (child) spawn(transition, child, next.origin, next.request);
  }
  if (transition.stage !== 'booting' || isInFirstStart(transition)) return;
  transition.stage = 'open';
  answerStart(transition);
};

/** A child that has had readers goes before one that has none yet; else the first comes first. */
const nextLaunch = (transition: Transition): Launch | undefined => {
  const isBack = ({ origin }: Launch): boolean => origin === 'adopted' || origin === 'restart';
  return (transition.likeOtp ? undefined : transition.launching.find(isBack)) ?? transition.launching[0];
};

/** How many hold a place: a thread in mid-start takes a processor. */
const booting = (transition: Transition): number =>
  transition.children.filter(({ thread }) => thread !== undefined && holdsPlace(thread, transition.livedMs)).length;

const isInFirstStart = (transition: Transition): boolean =>
  transition.launching.some(({ origin }) => origin === 'first') ||
  transition.children.some(
    ({ thread }) => thread?.origin === 'first' && thread.runningSinceMs === undefined && !thread.ended,
  );

const answerStart = (transition: Transition): void => {
  if (transition.startRequest === undefined) return;
  const error = transition.ending && (transition.ending.startError ?? supervisorStopped());
  transition.reply(transition.startRequest, error ? { ok: false, error } : { ok: true });
  transition.startRequest = undefined;
};

// Commands

const nameIn = (command: SupervisorCommand): string | undefined => {
  if (command.kind === 'close') return undefined;
  return command.kind === 'start_child' ? command.rules.name : command.name;
};

const isAskedToStop = (transition: Transition, name: string | undefined): boolean =>
  name !== undefined && transition.find(name)?.thread?.stop?.asked === true;

/** Takes a command in. Its turn comes in order, but a `close` of independent children need not wait. */
const receive = (transition: Transition, { request, command }: EventOf<'command'>): void => {
  if (transition.stage === 'ended' || transition.ending) {
    if (command.kind !== 'close') return transition.reply(request, { ok: false, error: supervisorStopped() });
    if (transition.stage === 'ended') return transition.reply(request, { ok: true });
    if (transition.ending)
      transition.ending = { ...transition.ending, requests: [...transition.ending.requests, request] };
    return;
  }
  if (command.kind === 'close' && (!transition.likeOtp || transition.stage === 'new'))
    return handleCommand(transition, request, command);
  transition.enqueue({ kind: 'command', request, command });
};

/** `handle_call` of OTP's supervisor.erl. */
const handleCommand = (transition: Transition, request: number, command: SupervisorCommand): void => {
  if (command.kind === 'close') {
    transition.ending = { reason: 'closed', requests: [request] };
    return;
  }
  if (command.kind === 'start_child') return startChild(transition, request, command.rules);
  const child = transition.find(command.name);
  if (!child) return transition.reply(request, { ok: false, error: notFound(command.name) });
  switch (command.kind) {
    case 'terminate_child':
      return stop(transition, child, [request]);
    case 'restart_child':
      return restartChild(transition, request, child);
    case 'delete_child':
      return deleteChild(transition, request, child);
    case 'resume_child':
      if (child.persisted.phase === 'parked') resume(transition, child, 'user');
      transition.reply(request, { ok: true });
  }
};

const startChild = (transition: Transition, request: number, rules: ChildRules): void => {
  const { name, fenceable } = rules;
  const existing = transition.find(name);
  if (existing) {
    return transition.reply(request, { ok: false, error: alreadyStarted(name, existing.persisted.phase) });
  }
  if (!maySpawn(transition, name, fenceable)) return transition.reply(request, { ok: false, error: zombieLives(name) });
  addChild(transition, rules);
  requestStart(transition, name, 'start_child', request);
};

const restartChild = (transition: Transition, request: number, child: Child): void => {
  const { name, fenceable } = child.rules;
  if (!answerUnlessStopped(transition, request, child)) return;
  if (!maySpawn(transition, name, fenceable)) return transition.reply(request, { ok: false, error: zombieLives(name) });
  // A start by command begins with a clean count. OTP's count belongs to the supervisor: no start clears it.
  transition.persist(name, { phase: 'starting', ...(!transition.likeOtp && cleanCount) });
  requestStart(transition, name, 'restart_child', request);
};

const deleteChild = (transition: Transition, request: number, child: Child): void => {
  if (!answerUnlessStopped(transition, request, child)) return;
  transition.remove(child.rules.name);
  transition.reply(request, { ok: true });
};

/** True if the child is stopped; else the command is answered with why it can't be. */
const answerUnlessStopped = (transition: Transition, request: number, { rules, persisted, thread }: Child): boolean => {
  const { phase } = persisted;
  if (phase === 'stopped') return true;
  const between = (!thread && phase !== 'starting') || phase === 'zombie' || thread?.failure !== undefined;
  const error = between ? stillRestarting(rules.name, phase) : stillRunning(rules.name);
  transition.reply(request, { ok: false, error });
  return false;
};

// The end

/** Stops the children one after the other, the last first; when none is left, all is answered. */
const terminateChildren = (transition: Transition): void => {
  if (transition.stage === 'ended' || !transition.ending) return;
  for (const { rules } of transition.children.toReversed()) {
    const child = transition.find(rules.name);
    if (child && (child.thread || child.persisted.phase !== 'stopped') && !child.thread?.stop?.asked)
      stop(transition, child, []);
    if (transition.find(rules.name)?.thread) return;
  }
  transition.stage = 'ended';
  transition.blockedOn = undefined;
  answerStart(transition);
  for (;;) {
    const left = transition.dequeue(() => true);
    if (!left) break;
    if (left.kind !== 'command') continue;
    const { kind } = left.command;
    transition.reply(left.request, kind === 'close' ? { ok: true } : { ok: false, error: supervisorStopped() });
  }
  for (const request of transition.ending.requests) transition.reply(request, { ok: true });
  transition.effect({ kind: 'end', reason: transition.ending.reason });
};
