/** The little of WebAssembly that a table needs. TypeScript has its types in the library for browsers alone. */

/** A shared `WebAssembly.Memory`. @inline */
export interface WasmMemory {
  /** As long as the memory was when this thread last looked. */
  readonly buffer: SharedArrayBuffer;
  /** By pages of 64 KiB. Throws a RangeError if there is no memory to be had. */
  grow(pages: number): number;
}

interface WasmApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly RuntimeError: new () => Error;
}

export const WasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** Node has none with --jitless. */
export const hasWebAssembly = (): boolean => (WasmApi as WasmApi | undefined) !== undefined;

export const PAGE_BYTES = 65_536;
