/**
 * What happened to a child of a run that was kept: `node test/chaos/explain.mjs FOLDER [NAME [FROM_S [TO_S]]]`, in seconds
 * of the run. Without a name the run is judged once more.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EVENTS_FILE, evidenceIn } from './evidence.mjs';
import { expired, unexplained } from './judge.mjs';
import { Lived } from './lived.mjs';

/** @param {any} effect @param {{ wallMs: number, monoMs: number }} now */
const describeEffect = (effect, now) => {
  switch (effect.kind) {
    case 'emit': {
      const { type, why = '', failure, nextAttemptAtMs, probeAtMs } = effect.event;
      const nextAtMs = nextAttemptAtMs ?? probeAtMs;
      const next = nextAtMs === undefined ? '' : ` next +${nextAtMs - now.wallMs}`;
      return `${type} ${why}${failure ? `(${failure.class} ${failure.reason}: ${failure.message})` : ''}${next}`;
    }
    case 'publish':
      return `publish ${effect.generation}, usable +${effect.times.usableUntilMs - now.wallMs}`;
    case 'wake':
      return effect.atMonoMs === undefined ? 'no wake' : `wake +${Math.round(effect.atMonoMs - now.monoMs)}`;
    default:
      return effect.kind;
  }
};

/**
 * @param {import('./evidence.mjs').Kept} kept @param {any[]} events @param {string} name
 * @returns {{ atMonoMs: number, text: string }[]} in order
 */
const timelineOf = (kept, events, name) => {
  const { facts, causes, faults, gaps, lates, threads, samples, startedMonoMs } = kept;
  const at = (/** @type {number} */ monoMs) => ((monoMs - startedMonoMs) / 1_000).toFixed(3);
  const { clientId, sources = [] } = facts.get(name) ?? {};
  const lived = new Lived(samples);
  const lines = [
    ...causes.flatMap(({ family, kind, of, how = '', offsetMs = '', fromMonoMs, toMonoMs }) => {
      const isOfUse = [name, '*', ...sources].includes(of) || family === 'server' || family === 'store';
      const text = `${family}: ${kind} ${how}${offsetMs} of ${of}, until ${at(toMonoMs)}`;
      return isOfUse ? { atMonoMs: fromMonoMs, text } : [];
    }),
    ...faults.flatMap((one) =>
      one.clientId === clientId ? { atMonoMs: one.atMonoMs, text: `server: ${one.kind}` } : [],
    ),
    ...gaps.flatMap(({ fromMonoMs, toMonoMs, code, state, ...one }) => {
      if (one.name !== name && !sources.includes(one.name)) return [];
      const text = `GAP of ${one.name} until ${at(toMonoMs)}: ${code}, ${state}; ${Math.round(lived.between(fromMonoMs, toMonoMs))} ms given`;
      return { atMonoMs: fromMonoMs, text };
    }),
    ...lates.flatMap(({ fromMonoMs, toMonoMs, byMs, ...one }) =>
      one.name === name ? { atMonoMs: fromMonoMs, text: `LATE until ${at(toMonoMs)} by ${Math.round(byMs)} ms` } : [],
    ),
    ...events.flatMap(({ atMonoMs, atMs: _, name: of, type, ...details }) => {
      const isOfUse = (of === name && !type.startsWith('mint:')) || type.startsWith('supervisor:');
      return isOfUse ? { atMonoMs, text: `event ${type} ${JSON.stringify(details)}` } : [];
    }),
    ...threads.flatMap((turns, thread) =>
      turns.flatMap(({ event, now, effects, ...turn }, index) => {
        const told = effects.filter(({ kind }) => kind !== 'persist');
        if (turn.name !== name || (event.kind === 'woken' && told.length === 1)) return [];
        const first = index === 0 ? ` of thread ${thread}` : '';
        const text = `${event.kind}${first} -> ${told.map((effect) => describeEffect(effect, now)).join(', ')}`;
        return { atMonoMs: now.monoMs, text };
      }),
    ),
    ...samples.flatMap(({ fromMonoMs, toMonoMs, livedMs }) => {
      const given = livedMs / (toMonoMs - fromMonoMs);
      const text = `machine: ${Math.round(toMonoMs - fromMonoMs)} ms, of which ${Math.round(livedMs)} given`;
      return given < 0.2 ? { atMonoMs: fromMonoMs, text } : [];
    }),
  ];
  return lines.sort((a, b) => a.atMonoMs - b.atMonoMs);
};

const [folder = '', name, fromS = '-Infinity', toS = 'Infinity'] = process.argv.slice(2);
const kept = evidenceIn(folder);
if (name === undefined) {
  console.log(kept.puzzles.join('\n'));
  console.log(`judged once more:\n${[...unexplained(kept), ...expired(kept)].join('\n')}`);
} else {
  const text = readFileSync(path.join(folder, EVENTS_FILE), 'utf8');
  const events = text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
  for (const line of timelineOf(kept, events, name)) {
    const atS = (line.atMonoMs - kept.startedMonoMs) / 1_000;
    if (atS >= Number(fromS) && atS <= Number(toS)) console.log(`${atS.toFixed(3).padStart(8)}  ${line.text}`);
  }
  console.log(`at the end: ${JSON.stringify(kept.statuses[name], undefined, 1)}`);
}
