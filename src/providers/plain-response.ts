/** `Response` of the Fetch standard for a text that is here already, forms aside, without what Node loads for its own. */
import { PlainHeaders } from './plain-headers.js';

/** Statuses whose Response may not have a body: the Fetch standard's null body statuses. */
const NO_BODY = new Set([204, 205, 304]);

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

  constructor(text: string, { status = 200, headers = {} }: PlainResponseInit = {}) {
    this.#text = text;
    this.status = status;
    this.headers = new PlainHeaders(headers);
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async text(): Promise<string> {
    if (this.#used) throw new TypeError('Body is unusable: it has been read already');
    this.#used = true;
    return this.#text;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  clone(): PlainResponse {
    if (this.#used) throw new TypeError('Body is unusable: it has been read already');
    return new PlainResponse(this.#text, { status: this.status, headers: Object.fromEntries(this.headers) });
  }

  // What nobody asks for, and needs streams: as Node's own has it.

  get body(): Response['body'] {
    return this.#real().body;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#real(await this.text()).arrayBuffer();
  }

  async blob(): Promise<Blob> {
    return this.#real(await this.text()).blob();
  }

  /** Of the prototype, where the library looks. */
  // eslint-disable-next-line @typescript-eslint/class-literal-property-style
  get [Symbol.toStringTag](): string {
    return 'Response';
  }

  #real(text = this.#text): Response {
    const headers = [...this.headers];
    return new Response(NO_BODY.has(this.status) ? null : text, { status: this.status, headers });
  }
}
