// What filter chains are told of a connection, from its first bytes.
import type { FirstBytes } from './client-hello.ts';
import type { Hello } from './filter-chain-index.ts';

/** A client that says nothing, as far as anybody waits. */
const silence: Hello = { isTls: false, serverName: '', applicationProtocols: [] };

/** @param bytes all that has come. */
export function helloOf(first: FirstBytes, bytes: Buffer): Hello {
  if (first.kind !== 'tls') return clearTextHello(bytes);
  return { isTls: true, serverName: first.serverName, applicationProtocols: first.applicationProtocols };
}

/** Clients of gRPC speak HTTP/2 and say nothing else; browsers always offer HTTP/1.1 too. */
export function isBrowser({ isTls, applicationProtocols }: Hello): boolean {
  return isTls
    ? applicationProtocols.includes('http/1.1') || !applicationProtocols.includes('h2')
    : !applicationProtocols.includes('h2c');
}

export function isHttp2({ isTls, applicationProtocols }: Hello): boolean {
  return !isTls && applicationProtocols[0] === 'h2c';
}

/** So little has come that it may still be the beginning of HTTP. Nobody is made to wait for the rest of a line. */
export function mayBecomeHttp(bytes: Buffer): boolean {
  if (bytes.length >= longestMethod) return false;
  const text = bytes.toString('latin1');
  return methods.some((method) => method.length > text.length && method.startsWith(text));
}

/** As Envoy's http_inspector: HTTP/2 with prior knowledge by its preface, HTTP/1 by its request line. */
function clearTextHello(bytes: Buffer): Hello {
  if (bytes.length > 0 && bytes.subarray(0, 3).equals(prefaceStart.subarray(0, bytes.length))) return http2;
  const line = bytes.toString('latin1', 0, maxLineBytes).split('\n', 1)[0]!;
  return methods.some((method) => line.startsWith(method)) || requestLine.test(line) ? http1 : silence;
}

const http2: Hello = { ...silence, applicationProtocols: ['h2c'] };
const http1: Hello = { ...silence, applicationProtocols: ['http/1.1'] };
const prefaceStart = Buffer.from('PRI');
/** RFC 9110 section 9.3, RFC 5789, and the preface of HTTP/2 (RFC 9113 section 3.4). */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'PRI'].map(
  (method) => `${method} `,
);
const longestMethod = 'CONNECT '.length;
/** More than servers take. */
const maxLineBytes = 8192;
/** Of any other method (RFC 9112 section 3). */
const requestLine = /^[A-Z-]{1,32} \S+ HTTP\/1\.[01]\r?$/;
