/** A credential's shared memory with a token in it, and no actor. */
import { openWords } from '../../src/memory/child-memory.js';
import { SNAPSHOT } from '../../src/memory/layout.js';
import { RecordWriter, takeLease } from '../../src/memory/record.js';

/** Publishes tokens there, by their generation, for readers that ask for no more of them. */
export const publisherOf = (memory: SharedArrayBuffer): ((generation: number) => void) => {
  const words = openWords(memory);
  const writer = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 1, []));
  return (generation) => {
    const payload = JSON.stringify({ value: `token-${generation}`, tokenType: 'Bearer', scopes: [], fields: {} });
    const header = { generation, issuedAtMs: Date.now(), expiresAtMs: Infinity, usableUntilMs: Infinity };
    writer.publish(header, new TextEncoder().encode(payload));
  };
};
