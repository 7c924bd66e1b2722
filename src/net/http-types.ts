/** A request, its answer and the certificates that it shows: plain data. */
import type { SecretReference } from '../secrets/references.js';

/**
 * PEM texts for TLS, or references to them: a path is given as `file(path)`. `cert` and `key` go together.
 */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the well-known ones. */
  readonly ca?: SecretReference | string | readonly (SecretReference | string)[];
  /** The client's certificate chain … */
  readonly cert?: SecretReference | string;
  /** … and its private key. */
  readonly key?: SecretReference | string;
}

/** One HTTP request through the door that works while libuv's pool is full. */
export interface HttpRequest {
  /**
   * The method.
   * @default 'GET'
   */
  readonly method?: string;
  /** Headers by name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, sent as UTF-8. */
  readonly body?: string;
  /** Certificates, where the machine's will not do. */
  readonly tls?: TlsOptions;
  /**
   * Lets `http:` leave the machine.
   * @default false
   */
  readonly allowInsecureHttp?: boolean;
  /**
   * For all of it, from the lookup to the last byte: ms.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** What came back. */
export interface HttpAnswer {
  /** Any status: a redirect is not followed, and a 500 does not throw. */
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 256 KiB, decoded as UTF-8. */
  readonly body: string;
  /** The body as JSON; throws a transient `malformed_answer` {@link ProviderError} if it is none. */
  json(): unknown;
}
