/**
 * What can go wrong at a token endpoint, as data: a line of JSON says all of a fault, and an answer is what is to be put
 * on the wire, and how.
 */

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
  | { readonly kind: 'half_closed'; readonly bytes: number };

/** A body: a text, or what is too large to be kept as one. */
export type Body = { readonly text: string } | { readonly repeat: string; readonly times: number };

export interface HostileAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly delivery: Delivery;
}

/** What the core is told of a request. */
export interface TokenRequest {
  readonly grantType: string;
  readonly clientId: string;
  readonly refreshToken?: string;
}

/** One misbehaviour. Those with `acts` say whether the server has done what it was asked before it misbehaves. */
export type Fault =
  /** It answers with this status, and has done nothing. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly retryAfter?: string;
      /** A Date header that is off by so many ms. */
      readonly dateOffMs?: number;
      /** `error` of RFC 6749 §5.2. */
      readonly error?: string;
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  /** The answer is right, but for its members that are named: replaced, or left out where the value is undefined. */
  | {
      readonly kind: 'members';
      readonly members: Readonly<Record<string, unknown>>;
      readonly without?: readonly string[];
    }
  /** It acts; the body is something else. */
  | { readonly kind: 'body'; readonly body: Body; readonly contentType?: string }
  /** The body is right; it is cut after so many bytes, and the length that is told is that of what is left. */
  | { readonly kind: 'truncated'; readonly bytes: number }
  /** The body is right; one of its members comes again with another value. */
  | { readonly kind: 'duplicate_key'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delivery'; readonly acts: boolean; readonly delivery: Delivery };
