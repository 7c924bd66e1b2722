/** What occurs in a schedule, by kind: to be counted, and to be chosen by. */
import { replay } from './replay.js';
import type { Batch, Message, Schedule, Spec } from './schedules.js';

/** What its children are by now, as far as the messages tell. */
type Specs = Map<string, Spec>;

const calls = (messages: readonly Message[]): readonly Message[] => messages.filter(({ kind }) => kind !== 'exit');

/** A death that found somebody alive: the second of two in one batch does not. */
const deaths = ({ messages }: Batch, alive: ReadonlySet<string>): readonly Extract<Message, { kind: 'exit' }>[] =>
  messages.filter(
    (message, index): message is Extract<Message, { kind: 'exit' }> =>
      message.kind === 'exit' &&
      alive.has(message.name) &&
      !messages.slice(0, index).some((other) => other.kind === 'exit' && other.name === message.name),
  );

const running = (batch: Batch | undefined): ReadonlySet<string> =>
  new Set(batch?.children.filter((child) => child.endsWith(' running')).map((child) => child.split(' ')[0]!));

function* kindsOfBatch(batch: Batch, before: Batch | undefined, specs: Specs): Generator<string> {
  const { messages, answers, did } = batch;
  const dead = deaths(batch, running(before));
  for (const { name, reason } of dead) {
    yield `dies: ${reason}, ${specs.get(name)!.restart}`;
    const isStopped = messages.some((message) => message.kind === 'terminate_child' && message.name === name);
    if (isStopped && did.some((line) => line.startsWith(`shutdown_error ${name} `))) yield 'found dead by its stop';
  }
  for (const [index, message] of calls(messages).entries()) {
    yield `${message.kind}: ${answers[index]!}`;
    const spec = 'name' in message ? specs.get(message.name) : undefined;
    if (message.kind === 'terminate_child' && answers[index] === 'ok') yield `terminate_child: ${spec!.restart}`;
    if (message.kind === 'start_child' && answers[index] === 'ok') specs.set(message.name, message.spec);
  }
  if (messages.length === 0) yield `start: ${answers[0]!}`;
  for (const line of did) {
    const [context = ''] = line.split(' ');
    if (line.includes(':')) yield `report: ${context}`;
  }
  const tries = did.filter((line) => line.startsWith('start_error')).length;
  if (tries > 0 && messages.length > 0) yield 'tried again';
  if (tries > 1 && messages.length > 0) yield 'tried again more than once';
  if (dead.length > 1) yield 'two deaths in one batch';
  if (batch.ended !== 'running') yield `ends: ${batch.ended}`;
  if (batch.ended === 'restart_intensity' && did.filter((line) => line.startsWith('stops')).length > 1) {
    yield 'gives up, and stops two or more';
  }
}

/** Every occurrence of a kind, in order. */
export const kindsOf = (schedule: Schedule): readonly string[] => {
  const { maxRestarts, maxSeconds, children, happened } = schedule;
  const specs: Specs = new Map(children.map((spec) => [spec.name, spec]));
  return [
    `maxRestarts: ${maxRestarts}`,
    `maxSeconds: ${maxSeconds}`,
    ...happened.flatMap((batch, index) => [...kindsOfBatch(batch, happened[index - 1], specs)]),
    ...replay(schedule).stopped.map(
      ({ stops, shutdown }) => `stops: ${stops}, ${typeof shutdown === 'number' ? 'ms' : shutdown}`,
    ),
  ];
};

export const countKinds = (schedules: readonly Schedule[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const kind of schedules.flatMap(kindsOf).sort()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
};
