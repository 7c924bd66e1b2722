/** An HTTP/1.1 request from a socket: what the clients of a token endpoint send, and no more. */
import type { Socket } from 'node:net';
import type { TokenRequest } from './types.js';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** As they came: name, value. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

const MAX_REQUEST_BYTES = 1024 * 1024;
const END_OF_HEADERS = '\r\n\r\n';

/** The one request of a connection; undefined if the client goes before it is whole, or what comes is none. */
export const readRequest = (socket: Socket): Promise<RawRequest | undefined> =>
  new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (request: RawRequest | undefined): void => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.resume();
      resolve(request);
    };
    const onEnd = (): void => finish(undefined);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf(END_OF_HEADERS);
      if (bytes.length > MAX_REQUEST_BYTES) return finish(undefined);
      if (end < 0) return;
      const head = parseHead(bytes.subarray(0, end).toString('latin1'));
      const length = Number(headerOf(head.headers, 'content-length') ?? 0);
      const body = bytes.subarray(end + END_OF_HEADERS.length);
      if (body.length >= length) finish({ ...head, body: body.subarray(0, length) });
    };
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
  });

const parseHead = (text: string): Omit<RawRequest, 'body'> => {
  const [line = '', ...rest] = text.split('\r\n');
  const [method = '', path = ''] = line.split(' ');
  const headers = rest.map((header) => {
    const colon = header.indexOf(':');
    return [header.slice(0, colon), header.slice(colon + 1).trim()] as const;
  });
  return { method, path, headers };
};

export const headerOf = (headers: RawRequest['headers'], name: string): string | undefined =>
  headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1];

/** What a request asks of the token endpoint. */
export const tokenRequestOf = ({ headers, body }: RawRequest): TokenRequest => {
  const form = new URLSearchParams(body.toString());
  const refreshToken = form.get('refresh_token');
  return {
    grantType: form.get('grant_type') ?? '',
    clientId: basicClientOf(headerOf(headers, 'authorization')) ?? form.get('client_id') ?? '',
    ...(refreshToken !== null && { refreshToken }),
  };
};

/** RFC 6749 §2.3.1: the name is form-encoded before it is put into base64. */
const basicClientOf = (authorization: string | undefined): string | undefined => {
  const [, credentials] = /^Basic (.+)$/i.exec(authorization ?? '') ?? [];
  if (credentials === undefined) return undefined;
  const [clientId = ''] = Buffer.from(credentials, 'base64').toString().split(':');
  return decodeURIComponent(clientId.replaceAll('+', '%20'));
};
