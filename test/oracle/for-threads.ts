/**
 * Which schedules real threads can play, and a choice of them in which everything happens that can.
 */
import { kindsOf } from './kinds.js';
import type { Batch, Schedule } from './schedules.js';

/**
 * What no thread can be made to do. An actor gives no detail with its shutdown. One that is asked to stop ends by `shutdown`,
 * by a crash, or not at all. And a supervisor whose start has failed was never there to be listened to.
 */
export const impossible = (kind: string): boolean =>
  /^dies: shutdown_detail,|^stops: (normal|shutdown_detail), (ms|infinity)$|start: start_failed$|ends: start_failed/.test(
    kind,
  );

/** Seconds from the first batch to the last, start apart. */
const span = ({ happened }: Schedule): number => (happened.at(-1)?.at ?? 0) - (happened[1]?.at ?? 0);

/** How many threads are started or stopped for a batch; one more to hold the supervisor while several messages gather. */
const costOf = ({ did, messages }: Batch): number =>
  did.filter((line) => /^(starts|fails|stops) /.test(line)).length + (messages.length > 1 ? 1 : 0);

const costliestSecond = ({ happened }: Schedule): number => {
  const costs = new Map<number, number>();
  for (const batch of happened.slice(1)) costs.set(batch.at, (costs.get(batch.at) ?? 0) + costOf(batch));
  return Math.max(0, ...costs.values());
};

/**
 * A start of a name that an earlier message of the batch gives up, or a call for a name that nobody has while the
 * supervisor ends. The thread that calls answers these at once, by what it knows; OTP when their turn has come.
 */
const isAnsweredAtOnce = ({ happened }: Schedule): boolean =>
  happened.slice(1).some(({ messages, answers }, index) => {
    const taken = new Set(happened[index]!.children.map((child) => child.split(' ')[0]!));
    const calls = messages.filter((message) => message.kind !== 'exit' && message.kind !== 'close');
    return calls.some((message, nth) => {
      const answer = answers[nth]!;
      if (message.kind !== 'start_child') return !taken.has(message.name) && answer !== 'not_found';
      if (taken.has(message.name)) return !answer.startsWith('already');
      taken.add(message.name);
      return false;
    });
  });

/** Short enough, and light enough to be done in its seconds on a busy machine. */
const isPlayable = (schedule: Schedule): boolean =>
  schedule.happened.length > 1 &&
  span(schedule) <= 3 &&
  costliestSecond(schedule) <= 6 &&
  !isAnsweredAtOnce(schedule) &&
  !kindsOf(schedule).some(impossible);

/** Takes the schedule that adds the most kinds for its length, again and again; then the shortest. */
export const chooseForThreads = (schedules: readonly Schedule[], count: number): readonly Schedule[] => {
  const left = schedules.filter(isPlayable).map((schedule) => ({ schedule, kinds: new Set(kindsOf(schedule)) }));
  const seen = new Set<string>();
  const chosen: Schedule[] = [];
  while (chosen.length < count && left.length > 0) {
    const worth = left.map(({ schedule, kinds }) => {
      const fresh = [...kinds].filter((kind) => !seen.has(kind)).length;
      return (fresh + 0.1) / (2 + span(schedule));
    });
    const best = worth.indexOf(Math.max(...worth));
    const [{ schedule, kinds } = left[0]!] = left.splice(best, 1);
    for (const kind of kinds) seen.add(kind);
    chosen.push(schedule);
  }
  return chosen;
};

/** What a replay in threads must come to: the same, but that two of OTP's answers have one code. */
export const oneCode = (answer: string): string => (answer === 'already_present' ? 'already_started' : answer);
