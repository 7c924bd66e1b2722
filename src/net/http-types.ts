/** The types of a request, its answer and its TLS options: plain data. */
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

/** One HTTP request, sent by a client that works while libuv's pool is full. */
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
  /** Certificates, if the machine's are not sufficient. */
  readonly tls?: TlsOptions;
  /**
   * Allows `http:` to other hosts than this machine.
   * @default false
   */
  readonly allowInsecureHttp?: boolean;
  /**
   * The bound of the whole request, from the lookup to the last byte: ms.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

/** The response. */
export interface HttpAnswer {
  /** Any status: redirects are not followed, and a 500 does not throw. */
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 256 KiB, decoded as UTF-8. */
  readonly body: string;
  /** The body as JSON; throws a transient `malformed_answer` {@link ProviderError} if it is not JSON. */
  json(): unknown;
}
