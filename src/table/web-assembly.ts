/** Types for the parts of WebAssembly that a table needs. TypeScript has them in the browser library alone. */

/** A shared `WebAssembly.Memory`. @inline */
export interface WasmMemory {
  /** Its size is that of the memory when this thread last looked. */
  readonly buffer: SharedArrayBuffer;
  /** Grows by pages of 64 KiB. Throws a RangeError if there is not enough memory. */
  grow(pages: number): number;
}

interface WasmApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly RuntimeError: new () => Error;
}

export const WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** False in Node with --jitless. */
export const hasWebAssembly = (): boolean => (WasmApi as WasmApi | undefined) !== undefined;

export const PAGE_BYTES = 65_536;
