import { beforeAll, describe, expect, it } from 'vitest';
import { run } from './project.js';
import { nodeBinary, VERSIONS } from './node-versions.js';
import { room, type Room } from './room.js';

const LIFE = 'Bearer token-1, Bearer token-1, ok, Bearer token-1\n';

let here: Room;
beforeAll(async () => {
  here = await room('node-versions', 'life.mjs', 'provider.mjs', 'reader.mjs');
});

describe.each(VERSIONS)('Node %s', (version) => {
  it('runs a whole life, warns of nothing, and ends by itself', { timeout: 180_000 }, async ({ skip }) => {
    const binary = await nodeBinary(version);
    if ('missing' in binary) return skip(binary.missing);
    expect(await run(here.folder, binary.file, '--version')).toMatchObject({ stdout: `v${version}\n` });
    expect(await run(here.folder, binary.file, 'life.mjs')).toEqual({ code: 0, stdout: LIFE, stderr: '' });
  });
});
