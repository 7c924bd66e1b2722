import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { nodeBinary, type NodeBinary, type NodeVersion } from './node-versions.js';
import { runWith, type Run } from './project.js';
import { room, type Room } from './room.js';

let here: Room;
let server: Server;
/** Nobody is given leave to read it. */
let secretFile: string;
beforeAll(async () => {
  here = await room('permission', 'app.mjs', 'provider.mjs');
  secretFile = await here.write('secret.txt', 'secret');
  server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: 'minted', token_type: 'Bearer', expires_in: 60 }));
  }).listen(0);
  await once(server, 'listening');
});
afterAll(() => server.close());

/** Each with its flag that turns the model on, and whether it has one for the network. */
const VERSIONS: readonly { readonly version: NodeVersion; readonly model: string; readonly net: boolean }[] = [
  { version: '20.20.2', model: '--experimental-permission', net: false },
  { version: '24.21.0', model: '--permission', net: false },
  { version: '26.10.0', model: '--permission', net: true },
];

describe.each(VERSIONS)('the permission model of Node $version', ({ version, model, net }) => {
  const modules = (): string => path.join(inject('project'), 'node_modules');
  /** What the program is, and nothing else of the disk. */
  const reads = (): string[] =>
    ['app.mjs', 'provider.mjs', 'package.json', '../package.json']
      .map((file) => here.at(file))
      .concat(`${modules()}/`)
      .map((file) => `--allow-fs-read=${file}`);

  let binary: NodeBinary;
  beforeAll(async () => {
    binary = await nodeBinary(version);
  });
  beforeEach(({ skip }) => void ('missing' in binary && skip(binary.missing)));

  const node = async (flags: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Run> => {
    const file = 'file' in binary ? binary.file : '';
    return runWith({ variables }, here.folder, file, model, ...flags, here.at('app.mjs'));
  };
  const tokenEndpoint = (): Readonly<Record<string, string>> => ({
    TOKEN_ENDPOINT: `http://localhost:${(server.address() as AddressInfo).port}/token`,
    SECRET_FILE: secretFile,
  });

  it('runs with leave to start threads, and to read the program and its packages', async () => {
    const { code, stdout, stderr } = await node([...reads(), '--allow-worker']);
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'Bearer token-1\n' });
  });

  // Node does not bind worker threads by the model: one that mints needs no leave for the network, or for its secret.
  it.each(net ? ['', '--allow-net'] : [''])("asks a server, with '%s'", async (network) => {
    const { code, stdout, stderr } = await node(
      [...reads(), '--allow-worker', ...(network ? [network] : [])],
      tokenEndpoint(),
    );
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: 'Bearer minted\n' });
  });

  it('names the flag for threads, where it is missing', async () => {
    const { code, stdout } = await node(reads());
    expect({ code, stdout }).toEqual({
      code: 3,
      stdout: expect.stringMatching(/^TokenvisorError START_FAILED: .*Start Node with --allow-worker\n$/) as string,
    });
  });

  it('names the file and the flag, where an entry may not be read', async () => {
    const packed = inject('tarball').contents.map((file) => path.join(modules(), 'tokenvisor', file));
    const entry = packed.find((file) => file.endsWith('supervisor-entry.cjs')) ?? 'none';
    const rest = packed.filter((file) => file !== entry && /\.(c?js|json)$/.test(file));
    const others = ['comlink', 'eventemitter3', 'piscina', 'package.json'].map((name) => path.join(modules(), name));
    const flags = [...reads().slice(0, -1), ...[...rest, ...others].map((file) => `--allow-fs-read=${file}`)];
    const { code, stdout, stderr } = await node([...flags, '--allow-worker']);
    expect({ code, stdout }, stderr).toEqual({
      code: 3,
      stdout: `TokenvisorError FILE_MISSING: Expected to be allowed to read ${entry}. Start Node with --allow-fs-read\n`,
    });
  });
});
