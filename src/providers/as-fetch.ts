/** The HTTP door in the shape of fetch, for libraries that take a fetch of the caller's. */
import { outsideLibrary } from './library-scope.js';
import { PlainResponse } from './plain-response.js';
import type { HttpAnswer, HttpRequest } from './provider.js';

/** What such a library passes. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | string | undefined | null;
}

/** A fetch over `ask`. It takes what oauth4webapi sends: a method, headers and a form. */
export const asFetch =
  (
    ask: (url: string, init: HttpRequest) => Promise<HttpAnswer>,
  ): ((url: string, init: FetchInit) => Promise<Response>) =>
  async (url, { method, headers, body }) => {
    const init = { method, headers, ...(body == null ? {} : { body: body.toString() }) };
    const answer = await outsideLibrary(() => ask(url, init));
    // All that a library asks of one is there.
    return new PlainResponse(answer.body, answer) as unknown as Response;
  };
