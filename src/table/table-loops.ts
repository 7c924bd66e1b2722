/** The compiled loops over a table's words: see loops/loops.ts, which describes each of them. */
import { LOOPS } from './loops-wasm.js';
import { WasmApi, type WasmMemory } from './web-assembly.js';

export interface TableLoops {
  find(d0: number, d1: number, d2: number): number;
  meta(): number;
  seek(segment: number, d0: number, d1: number, d2: number): number;
  expiryAt(slot: number): number;
  append(segment: number, d0: number, d1: number, d2: number, expiry: number, meta: number): void;
  set(segment: number, d0: number, d1: number, d2: number, expiry: number, meta: number, keepMeta: number): number;
  drop(slot: number): void;
  finish(segment: number, slot: number): void;
  copy(from: number, first: number, second: number, bit: number, nowS: number): number;
  count(segment: number, nowS: number): number;
  wipe(segment: number): number;
  fill(from: number, words: number, value: number): void;
  deepen(depth: number): void;
}

let module: object | undefined;

/** Instantiates the loops on this memory, for this thread. About 0.1 ms. */
export const instantiateLoops = (memory: WasmMemory): TableLoops => {
  module ??= new WasmApi.Module(Buffer.from(LOOPS, 'base64'));
  return new WasmApi.Instance(module, { env: { memory } }).exports as TableLoops;
};
