/**
 * Marks a child as ended in its memory. A separate file, because the starting thread needs it without the code that
 * starts threads.
 */
import { readSupervision } from '../child-status.js';
import { openWords, type ChildMemory } from '../../memory/child-memory.js';
import { bankOf, Header, SEALED, SEALED_BYTES, SNAPSHOT, SUPERVISION } from '../../memory/layout.js';
import { fenceRecord, NO_INSTANTS, RecordWriter, withdrawRecord } from '../../memory/record.js';
import { stopForGood } from '../../memory/stopped.js';
import { notify } from '../../memory/words.js';
import { newPersistedChild } from '../core/supervisor-state.js';

const encoder = new TextEncoder();

/** Withdraws a child's snapshot, when no thread lives that could write it. */
export const withdrawSnapshot = ({ shared }: ChildMemory): void => {
  const words = openWords(shared);
  withdrawRecord(words, SNAPSHOT, { wipe: true });
  notify(words, Header.CHANGE);
};

/** Ends a child from outside, when no supervisor thread lives that could: reads throw STOPPED, no zombie publishes. */
export const markStopped = ({ shared, sealed }: ChildMemory): void => {
  const words = openWords(shared);
  stopForGood(words);
  // A supervisor thread that is being terminated may still run: after this it can't write to the record.
  const bank = bankOf(words.load(SUPERVISION.control)) === 0 ? 1 : 0;
  const control = fenceRecord(words, SUPERVISION, bank);
  const writer = new RecordWriter(words, SUPERVISION, { epoch: 0, bank, control });
  const stopped = { ...newPersistedChild, ...readSupervision(words), phase: 'stopped' };
  writer.publish(NO_INSTANTS, encoder.encode(JSON.stringify(stopped)));
  withdrawRecord(words, SNAPSHOT, { wipe: true });
  withdrawRecord(openWords(sealed, SEALED_BYTES), SEALED, { wipe: true });
  notify(words, Header.CHANGE);
};
