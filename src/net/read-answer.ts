/** An answer whose body has been read to its end. */
import { malformedAnswer } from './http-failures.js';
import type { HttpAnswer } from './http-types.js';

export class ReadAnswer implements HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #host: string;
  readonly #body: string;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array, host: string) {
    this.status = status;
    this.headers = headers;
    // Some servers send a byte order mark, which JSON does not allow; the decoder drops it.
    this.#body = new TextDecoder().decode(body);
    this.#host = host;
  }

  /** A getter on the prototype, so that printing an answer does not print a token. */
  get body(): string {
    return this.#body;
  }

  json(): unknown {
    try {
      return JSON.parse(this.#body);
    } catch {
      throw malformedAnswer(`The answer of ${this.#host} (status ${this.status}) is not JSON`, { status: this.status });
    }
  }
}
