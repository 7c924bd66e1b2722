/** The HTTP door in the shape of fetch, for libraries that take a fetch of the caller's. */
import type { HttpAnswer, HttpRequest } from './provider.js';

/** What such a library passes. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | string | undefined | null;
}

/** Statuses whose Response may not have a body: the Fetch standard's null body statuses. */
const NO_BODY = new Set([204, 205, 304]);

/** A fetch over `ask`. It takes what oauth4webapi sends: a method, headers and a form. */
export const asFetch =
  (
    ask: (url: string, init: HttpRequest) => Promise<HttpAnswer>,
  ): ((url: string, init: FetchInit) => Promise<Response>) =>
  async (url, { method, headers, body }) =>
    toResponse(await ask(url, { method, headers, ...(body == null ? {} : { body: body.toString() }) }));

/** An answer as a Response. */
const toResponse = ({ status, headers, body }: HttpAnswer): Response =>
  new Response(NO_BODY.has(status) ? null : body, { status, headers });
