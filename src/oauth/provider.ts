/**
 * The contract between a credential and what mints its tokens.
 *
 * A provider runs in the actor's thread. So it is a module, named by a URL, or data: a built-in one with its options.
 */
import type { Json } from '../core/json.js';
import type { HttpAnswer, HttpRequest } from '../net/http-types.js';
import type { Clock } from '../core/clock.js';
import type { Token } from './token.js';
import type { SecretReference } from '../secrets/references.js';
import type { TokenReference } from '../secrets/token-reference.js';

/** What a provider answers. Give `expiresInS` (counted from when the request was sent) or `expiresAtMs`. */
export interface MintedToken {
  /** The access token: usable in a header, so no control characters or line breaks. */
  readonly value: string;
  /** Seconds of life, a number or a numeric string, as RFC 6749 §5.1 has it. */
  readonly expiresInS?: number | string;
  /** Or the instant, in milliseconds since the Unix epoch; `Infinity` for never. */
  readonly expiresAtMs?: number;
  /** Seconds until the server wishes to be asked again (`refresh_in`). */
  readonly refreshInS?: number | string;
  /**
   * The scheme of the `Authorization` header.
   * @default 'Bearer'
   */
  readonly tokenType?: string;
  /** Granted scopes, space-separated (RFC 6749 §3.3) or as a list. */
  readonly scope?: string | readonly string[];
  /** Anything else that users of the token need: an instance URL, AWS keys. JSON. */
  readonly fields?: { readonly [key: string]: Json };
}

/**
 * Durable state of one credential: it survives a crash of the actor, in shared memory that no public object reaches.
 * Reads and writes are synchronous. A write that can't be made throws, so what must not be lost is written first.
 */
export interface Vault {
  /** What was last written; undefined for nothing. */
  read(): Json | undefined;
  /** Replaces what was there: at most 55 KiB of JSON. */
  write(value: Json): void;
}

/** How long a provider waits for another credential's token. */
export interface TokenWait {
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /**
   * How long to wait: ms.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** What a provider is given once, when it is opened. */
export interface ProviderContext<Options = unknown> {
  /** The credential's name. */
  readonly name: string;
  /** The credential's `options`. */
  readonly options: Options;
  /** Wall and monotonic time, and timers. */
  readonly clock: Clock;
  /** What survives a crash. */
  readonly vault: Vault;
  /** The value of a secret reference (or of a literal string). Throws a `park` failure, `secret_unreadable`. */
  readonly secret: (reference: SecretReference | string) => string;
  /**
   * Another credential's token. Waits for one that is usable, and rejects with a transient `token_unavailable` failure
   * if none comes. When that token is replaced after a mint that used it, this credential mints anew.
   */
  readonly token: (reference: TokenReference, wait?: TokenWait) => Promise<Token>;
  /** The HTTP client. Bounded by the attempt's signal; rejects with {@link ProviderError}s. */
  readonly request: (url: string | URL, init?: HttpRequest, signal?: AbortSignal) => Promise<HttpAnswer>;
  /** Says which hosts will be asked, so that their addresses are at hand before libuv's pool is full. */
  readonly warm: (host: string) => void;
  /** Unique to this supervisor: the owner of locks that must outlive an incarnation. */
  readonly owner: string;
}

/** What a provider is given for each mint. */
export interface MintAttempt {
  /** Aborted when the attempt is out of time, or superseded. */
  readonly signal: AbortSignal;
  /** Counted from 1 over the credential's life. */
  readonly number: number;
  /** True if `resume()` asked for this attempt after the credential had been parked as ambiguous. */
  readonly resumed: boolean;
}

/** An opened provider: one per incarnation and configuration. */
export interface ProviderSession {
  /** One exchange with the token endpoint. */
  mint(attempt: MintAttempt): Promise<MintedToken> | MintedToken;
  /** True if the exchange spends a refresh token that can't be spent twice: no probes, no abort in mid-exchange. */
  readonly singleUse?: boolean;
  /** Called once after opening, with no I/O to the network: throw a typed failure to say that minting can't begin. */
  preflight?(): void;
  /** Releases what was opened. Synchronous: it is called in a thread that is about to end. */
  close?(): void;
}

/**
 * A function that mints: what most provider modules export.
 *
 * @example
 * const mint: ProviderFunction<{ url: string; key: SecretReference }> = async ({ options, secret, request, signal }) => {
 *   signal.throwIfAborted();
 *   const answer = await request(options.url, { headers: { 'x-api-key': secret(options.key) } });
 *   if (answer.status === 403) throw ProviderError.fatal('the key is not known');
 *   const { token, seconds } = answer.json() as { token: string; seconds: number };
 *   return { value: token, expiresInS: seconds };
 * };
 * export default mint;
 */
export type ProviderFunction<Options = unknown> = (
  context: ProviderFunctionContext<Options>,
) => Promise<MintedToken> | MintedToken;

/** An object that is opened once: what a provider module exports if it holds something between two mints. */
export interface ProviderObject<Options = unknown> {
  /** Throws, synchronously, if the options are not usable: that is an error of the start. */
  open(context: ProviderContext<Options>): ProviderSession;
}

/** What a provider module may export. */
export type Provider<Options = unknown> = ProviderFunction<Options> | ProviderObject<Options>;

/** What a provider function is given: the attempt and the context in one. */
export interface ProviderFunctionContext<Options = unknown> {
  /** The credential's name. */
  readonly name: string;
  /** The credential's `options`. */
  readonly options: Options;
  /** Aborted when the attempt is out of time, or superseded. */
  readonly signal: AbortSignal;
  /** Counted from 1 over the credential's life. */
  readonly attempt: number;
  /** What survives a crash. */
  readonly vault: Vault;
  /** Wall time in milliseconds. */
  readonly now: () => number;
  /** The value of a secret reference (or of a literal string). Throws a `park` failure, `secret_unreadable`. */
  readonly secret: (reference: SecretReference | string) => string;
  /** Another credential's token, bounded by the attempt; see {@link ProviderContext}. */
  readonly token: (reference: TokenReference) => Promise<Token>;
  /** One HTTP request, bounded by `signal`; rejects with {@link ProviderError}s. */
  readonly request: (url: string | URL, init?: HttpRequest) => Promise<HttpAnswer>;
}

/** A provider as data: what `credential({ provider })` takes, and what crosses to the actor. */
export interface ProviderSpec<Options = unknown> {
  /** The module: its `file:` URL, or the name of one of tokenvisor's own (`tokenvisor:…`). */
  readonly module: string;
  /** The name of the export that is the provider. */
  readonly export: string;
  /** What it is opened with. */
  readonly options: Options;
  /**
   * False if what it writes can't be fenced, as a refresh-token file can't: no successor starts before its thread has
   * exited.
   */
  readonly fenceable: boolean;
}
