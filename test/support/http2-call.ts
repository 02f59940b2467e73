// One call by node:http2, seen frame by frame as far as that shows them: which blocks came, what they held, how it ended.
import http2 from 'node:http2';

export interface SeenCall {
  /** The first HEADERS; `endStream` tells a trailers-only response. */
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly endStream: boolean;
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders | null;
  /** HTTP/2 error code with which the stream ended. */
  readonly code: number;
}

export const GRPC_HEADERS: http2.OutgoingHttpHeaders = {
  ':method': 'POST',
  ':path': '/test.Echo/Unary',
  ':authority': 'echo',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** Resolves when the stream has closed, however it did. */
export function seeCall(stream: http2.ClientHttp2Stream): Promise<SeenCall> {
  let headers: SeenCall['headers'] = {};
  let endStream = false;
  let trailers: http2.IncomingHttpHeaders | null = null;
  const chunks: Buffer[] = [];
  stream.on('response', (received, flags) => {
    headers = received;
    endStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.on('close', () =>
      resolve({ headers, endStream, body: Buffer.concat(chunks), trailers, code: stream.rstCode }),
    );
  });
}

/** Sends a whole request and sees what comes back. */
export function call(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
  body?: Buffer,
): Promise<SeenCall> {
  const stream = session.request({ ...GRPC_HEADERS, ...headers }, { endStream: body === undefined });
  const seen = seeCall(stream);
  if (body !== undefined) stream.end(body);
  return seen;
}

export interface Http2Endpoint {
  readonly port: number;
  stop(): Promise<void>;
}

/** A node:http2 server whose every stream goes to `handler`. */
export async function startHttp2Endpoint(
  handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {},
): Promise<Http2Endpoint> {
  const server = http2.createServer({ settings });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stop: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
