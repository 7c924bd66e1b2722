/** `Response` of the Fetch standard for a text that is here already, forms aside, without what Node loads for its own. */
import { PlainHeaders } from './plain-headers.js';

/** Statuses whose Response may not have a body: the Fetch standard's null body statuses. */
export const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

interface PlainResponseInit {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export class PlainResponse {
  readonly status: number;
  readonly headers: PlainHeaders;
  readonly statusText = '';
  readonly type = 'default';
  readonly url = '';
  readonly redirected = false;
  readonly #text: string;
  #used = false;

  constructor(text: string | null, { status = 200, headers = {} }: PlainResponseInit = {}) {
    this.#text = text ?? '';
    this.status = status;
    this.headers = new PlainHeaders(headers);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  /** As the standard has it, through UTF-8: a byte order mark is no part of the text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(this.#bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes().buffer;
  }

  async blob(): Promise<Blob> {
    return new Blob([this.#bytes()], { type: this.headers.get('content-type') ?? '' });
  }

  /** All of it as one chunk. Not by a `Response`: while the library runs, that is this class. */
  get body(): ReadableStream<Uint8Array> | null {
    if (NO_BODY.has(this.status)) return null;
    return new ReadableStream({
      pull: (controller) => {
        const bytes = this.#bytes();
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      },
      cancel: () => void (this.#used = true),
    });
  }

  clone(): PlainResponse {
    if (this.#used) throw new TypeError('Body is unusable: it has been read already');
    return new PlainResponse(this.#text, { status: this.status, headers: Object.fromEntries(this.headers) });
  }

  /** Of the prototype, where the library looks. */
  // eslint-disable-next-line @typescript-eslint/class-literal-property-style
  get [Symbol.toStringTag](): string {
    return 'Response';
  }

  /** Read once, in any way. */
  #bytes(): Uint8Array<ArrayBuffer> {
    if (this.#used) throw new TypeError('Body is unusable: it has been read already');
    this.#used = true;
    return new TextEncoder().encode(this.#text);
  }
}
