/**
 * What can go wrong at a token endpoint, as data: a line of JSON says all of a fault, and an answer is what is to be put
 * on the wire, and how.
 */

/** In every token, and in every text of a fault: what is seen of it anywhere else has leaked. */
export const CANARY = 'canary';

/** Why there is no connection over which anything could be asked. */
export type NoConnection =
  'refused' | 'tls_wrong_name' | 'tls_expired' | 'tls_unknown_authority' | 'tls_hangs' | 'tls_reset' | 'tls_not_spoken';

/** Where the server stops, or how it goes on, in the middle of an answer. */
export type Delivery =
  | { readonly kind: 'whole' }
  /** After so many ms. */
  | { readonly kind: 'delayed'; readonly ms: number }
  /** Nothing at all is written, until the client goes. */
  | { readonly kind: 'hang_before_headers' }
  /** The headers and so many bytes of the body, then nothing. */
  | { readonly kind: 'hang_in_body'; readonly bytes: number }
  /** A byte every so many ms. */
  | { readonly kind: 'byte_by_byte'; readonly everyMs: number }
  /** A reset (RST) after so many bytes of the whole answer; 0: before any. */
  | { readonly kind: 'reset'; readonly bytes: number }
  /** The server ends its side after so many bytes of the whole answer, in good order (FIN). */
  | { readonly kind: 'half_closed'; readonly bytes: number }
  /** Whole, and the connection is left open, although it was asked to be closed. */
  | { readonly kind: 'kept_open' }
  /** Whole, and before the request has been read to its end. */
  | { readonly kind: 'early' }
  /** There is no connection, so that no request is ever read. */
  | { readonly kind: 'no_connection'; readonly why: NoConnection };

/** A body: a text, or bytes, or what is too large to be kept as one. */
export type Body =
  { readonly text: string } | { readonly hex: string } | { readonly repeat: string; readonly times: number };

/** What is written in place of an answer: pieces, among which the body of the right one may be, and its length. */
export type Wire = readonly (Body | { readonly right: 'body' | 'length' })[];

export interface HostileAnswer {
  readonly status: number;
  /** Several values are several lines. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Body;
  readonly delivery: Delivery;
  /** Goes on the wire in place of status, headers and body: what no HTTP library would write. */
  readonly wire?: readonly Body[];
}

/** What the core is told of a request. */
export interface TokenRequest {
  readonly grantType: string;
  readonly clientId: string;
  readonly refreshToken?: string;
}

/** When to come back: as it stands in the header, or as a date, so many ms from now by the server's own clock. */
export type RetryAfter = string | { readonly dateInMs: number };

/** One misbehaviour. Those with `acts` say whether the server has done what it was asked before it misbehaves. */
export type Fault =
  /** It answers with this status; unless it `acts` it has done nothing. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly acts?: boolean;
      readonly retryAfter?: RetryAfter;
      /** A Date header that is off by so many ms, beside what the server's clock is off. */
      readonly dateOffMs?: number;
      /** `error` of RFC 6749 §5.2. */
      readonly error?: string;
      /** In place of the error. */
      readonly body?: Body;
      readonly contentType?: string;
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  /** The answer is right, but for its members that are named: replaced, or left out. */
  | {
      readonly kind: 'members';
      readonly members?: Readonly<Record<string, unknown>>;
      /** Members by the text of their JSON, or of what is none: numbers that no parser can hold, keys of objects' own. */
      readonly texts?: Readonly<Record<string, string>>;
      readonly without?: readonly string[];
    }
  /** It acts; the body is something else. */
  | { readonly kind: 'body'; readonly body: Body; readonly contentType?: string; readonly status?: number }
  /**
   * The body is right; it is cut after so many bytes (below 0: so many before its end), and the length that is told is that
   * of what is left.
   */
  | { readonly kind: 'truncated'; readonly bytes: number }
  /** The body is right; one of its members comes again with another value. */
  | { readonly kind: 'duplicate_key'; readonly key: string; readonly value: unknown }
  /** The body is right, in another encoding. */
  | { readonly kind: 'encoded'; readonly as: 'utf8_bom' | 'utf16le' | 'utf16be' }
  /** The answer is right, with these headers too, or in the place of its own. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string | readonly string[]>> }
  /** What no HTTP library would write. */
  | { readonly kind: 'wire'; readonly acts: boolean; readonly wire: Wire; readonly delivery?: Delivery }
  | {
      readonly kind: 'delivery';
      readonly acts: boolean;
      readonly delivery: Exclude<Delivery, { kind: 'no_connection' }>;
    }
  /** No request is ever read. */
  | { readonly kind: 'connection'; readonly why: NoConnection };
