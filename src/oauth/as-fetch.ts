/** The HTTP door in the shape of fetch, for libraries that take a fetch of the caller's. */
import { outsideLibrary } from './library-scope.js';
import { NO_BODY } from './plain-response.js';
import type { HttpAnswer, HttpRequest } from '../net/http-types.js';

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
    // By the global name: whatever it is now, a plain one or somebody's, is what the library holds the answer against.
    return new Response(NO_BODY.has(answer.status) ? null : answer.body, answer);
  };
