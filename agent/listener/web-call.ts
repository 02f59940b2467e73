// One request of a browser, made one of HTTP/2 within this process: what is gRPC-Web becomes gRPC, everything else passes
// as it is. Bytes flow through with the back-pressure of both sides.
import { type IncomingMessage, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { Writable } from 'node:stream';
import type { GrpcWeb } from '../../xds/model/listener.ts';
import { statusOfReset } from '../grpc/status.ts';
import { grpcContentType, readWebContent, type WebContent, webContentType } from '../grpc-web/content.ts';
import { exposeFields, judgeOrigin, type OriginVerdict, preflightFields } from '../grpc-web/cross-origin.ts';
import { TextDecoder64, TextEncoder64 } from '../grpc-web/web-text.ts';
import { encodeWebTrailers } from '../grpc-web/web-trailers.ts';

export type WebRequest = IncomingMessage | http2.Http2ServerRequest;
export type WebResponse = ServerResponse | http2.Http2ServerResponse;

export interface WebCallOptions {
  readonly policy: GrpcWeb;
  readonly isTls: boolean;
  /** A connection to the data plane, open or to be opened. */
  readonly session: () => http2.ClientHttp2Session;
}

/** Answers the request. Never throws. */
export function serveWebCall(request: WebRequest, response: WebResponse, options: WebCallOptions): void {
  const authority = String(request.headers[':authority'] ?? request.headers.host ?? '');
  const verdict = judgeOrigin(options.policy, request.headers.origin, authority);
  const web = readWebContent(request.headers['content-type'] ?? '');
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
    answerPreflight(request, response, verdict, options.policy);
  } else if (verdict.kind === 'refused' && web !== null) {
    end(response, 403, {}, `pages of ${request.headers.origin} may not call\n`);
  } else if (web === null && request.httpVersionMajor < 2 && /^application\/grpc\b/.test(contentTypeOf(request))) {
    end(response, 415, {}, 'gRPC needs HTTP/2; over HTTP/1.1 it is application/grpc-web\n');
  } else {
    forward(request, response, { ...options, web, verdict, authority });
  }
}

function contentTypeOf(request: WebRequest): string {
  return request.headers['content-type'] ?? '';
}

function answerPreflight(request: WebRequest, response: WebResponse, verdict: OriginVerdict, policy: GrpcWeb): void {
  if (verdict.kind === 'refused') {
    end(response, 403, {}, `pages of ${request.headers.origin} may not call\n`);
    return;
  }
  const own = verdict.kind === 'allowed' ? verdict.fields : {};
  const requested = request.headers['access-control-request-headers'];
  end(response, 204, { ...own, ...preflightFields(policy, requested) }, '');
}

interface Forwarded extends WebCallOptions {
  /** `null`: it is no gRPC-Web. */
  readonly web: WebContent | null;
  readonly verdict: OriginVerdict;
  readonly authority: string;
}

function forward(request: WebRequest, response: WebResponse, call: Forwarded): void {
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  const inner = call.session().request(innerHead(request, call), { endStream: !hasBody });
  let isAnswered = false;
  inner.on('response', (head, flags) => {
    isAnswered = true;
    answer(inner, response, head, (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0, call);
  });
  inner.on('error', () => {});
  inner.on('close', () => {
    if (isAnswered || response.destroyed) return;
    // It was reset before it had a head: what that means to gRPC, said as a head of its own.
    const fields = { 'grpc-status': String(statusOfReset(inner.rstCode)), 'grpc-message': 'the call was reset' };
    if (call.web === null) end(response, 502, {}, '');
    else respond(response, 200, { 'content-type': `application/grpc-web${call.web.suffix}`, ...fields }, call, '');
  });
  response.on('close', () => {
    if (!inner.destroyed) inner.close(http2.constants.NGHTTP2_CANCEL);
  });
  if (!hasBody) return;
  const decoder = call.web?.isText ? new TextDecoder64() : null;
  request.on('aborted', () => inner.close(http2.constants.NGHTTP2_CANCEL));
  request.on('error', () => inner.close(http2.constants.NGHTTP2_CANCEL));
  if (decoder === null) {
    request.pipe(inner);
    return;
  }
  decoder.on('error', (error) => {
    isAnswered = true;
    end(response, 400, {}, `${error.message}\n`);
    inner.close(http2.constants.NGHTTP2_CANCEL);
  });
  request.pipe(decoder).pipe(inner);
}

/** Of one hop, or of what is made anew. */
const hopFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'te',
]);

function innerHead(request: WebRequest, { web, isTls, authority }: Forwarded): http2.OutgoingHttpHeaders {
  const head: http2.OutgoingHttpHeaders = {
    ':method': request.method ?? 'GET',
    ':scheme': isTls ? 'https' : 'http',
    ':authority': authority,
    ':path': request.url ?? '/',
  };
  const named = new Set((request.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(':') || hopFields.has(name) || named.has(name) || value === undefined) continue;
    head[name] = value;
  }
  if (web === null) return head;
  // The length is that of the base64, and what a page accepts is what it gets.
  for (const name of ['content-length', 'accept', 'x-grpc-web']) delete head[name];
  return { ...head, 'content-type': grpcContentType(web), te: 'trailers' };
}

function answer(
  inner: http2.ClientHttp2Stream,
  response: WebResponse,
  head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
  isOver: boolean,
  call: Forwarded,
): void {
  const { web } = call;
  const type = web === null ? null : webContentType(head['content-type'] ?? '', web);
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(head)) {
    if (name.startsWith(':') || hopFields.has(name) || value === undefined) continue;
    fields[name] = value;
  }
  const status = head[':status'] ?? 200;
  if (web === null || type === null) {
    passAsItIs(inner, response, status, fields, isOver, call);
    return;
  }
  fields['content-type'] = type;
  delete fields['content-length'];
  if (isOver) {
    respond(response, status, fields, call, '');
    return;
  }
  writeHead(response, status, fields, call);
  let out: Writable = response;
  if (web.isText) {
    const encoder = new TextEncoder64();
    encoder.pipe(out);
    out = encoder;
  }
  let trailers: http2.IncomingHttpHeaders | null = null;
  inner.on('trailers', (received) => {
    trailers = received;
  });
  inner.pipe(out, { end: false });
  inner.on('close', () => {
    if (out.destroyed || response.destroyed) return;
    const last = trailers ?? {
      'grpc-status': String(statusOfReset(inner.rstCode)),
      'grpc-message': 'the call was reset',
    };
    out.end(encodeWebTrailers(listOf(last)));
  });
}

function* listOf(fields: http2.IncomingHttpHeaders): Generator<readonly [string, string]> {
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value ?? []].flat()) yield [name, one];
  }
}

function passAsItIs(
  inner: http2.ClientHttp2Stream,
  response: WebResponse,
  status: number,
  fields: Record<string, string | string[]>,
  isOver: boolean,
  call: Forwarded,
): void {
  if (isOver) {
    respond(response, status, fields, call, '');
    return;
  }
  writeHead(response, status, fields, call);
  let trailers: http2.IncomingHttpHeaders = {};
  inner.on('trailers', (received) => {
    trailers = received;
  });
  inner.pipe<Writable>(response, { end: false });
  inner.on('close', () => {
    if (response.destroyed) return;
    // Half an answer must not pass for a whole one.
    if (inner.rstCode !== http2.constants.NGHTTP2_NO_ERROR) {
      response.destroy();
      return;
    }
    response.addTrailers(Object.fromEntries(listOf(trailers)));
    response.end();
  });
}

/** Head and body at once. */
function respond(
  response: WebResponse,
  status: number,
  fields: Readonly<Record<string, string | string[]>>,
  call: Forwarded,
  body: string,
): void {
  writeHead(response, status, fields, call);
  response.end(body);
}

function writeHead(
  response: WebResponse,
  status: number,
  fields: Readonly<Record<string, string | string[]>>,
  { verdict }: Forwarded,
): void {
  const own = verdict.kind === 'allowed' ? { ...verdict.fields, ...exposeFields(Object.keys(fields)) } : {};
  // The endpoint's answer may vary with more than who asks.
  const vary = [fields['vary'] ?? [], verdict.kind === 'allowed' ? 'origin' : []].flat().join(', ');
  for (const [name, value] of Object.entries({ ...fields, ...own })) response.setHeader(name, value);
  if (vary !== '') response.setHeader('vary', vary);
  if (response instanceof ServerResponse) {
    response.writeHead(status);
    // It would wait for the first byte of the body.
    response.flushHeaders();
  } else response.writeHead(status);
}

/** An answer of our own. */
function end(response: WebResponse, status: number, fields: Readonly<Record<string, string>>, body: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  if (body !== '') response.setHeader('content-type', 'text/plain; charset=utf-8');
  for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
  response.end(body);
}
