// Where browsers arrive: HTTP/1.1 and HTTP/2 by Node's own servers, which hand each request on to the data plane over a
// connection in memory, one for each connection of a browser, so that routes, limits and records see its address and
// certificate. gRPC clients, which say so before they have sent anything, never come here: the hot path knows nothing of it.
import http from 'node:http';
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GrpcWeb } from '../../xds/model/listener.ts';
import type { Http2Limits } from '../http2/index.ts';
import type { Log } from '../observe/log.ts';
import { serveWebCall, type WebRequest, type WebResponse } from './web-call.ts';

/** Streams at once of one browser, as Envoy's guide for edges has it. */
const maxStreams = 100;
/** Between requests, and for the head of one. */
const quietMs = 60_000;

export interface WebConnection {
  /** No new requests; what is under way ends. */
  drain(): void;
  destroy(): void;
}

const connectionKey = Symbol('web connection');

export class WebFront {
  readonly #policy: GrpcWeb;
  readonly #log: Log;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;

  constructor(policy: GrpcWeb, limits: Http2Limits, log: Log) {
    this.#policy = policy;
    this.#log = log;
    const { maxHeaderListBytes } = limits;
    this.#http1 = http.createServer({ maxHeaderSize: maxHeaderListBytes, keepAliveTimeout: quietMs });
    this.#http2 = http2.createServer({
      maxSessionMemory: 10,
      settings: {
        maxConcurrentStreams: Math.min(maxStreams, limits.maxConcurrentStreams),
        maxHeaderListSize: maxHeaderListBytes,
        enableConnectProtocol: false,
      },
    });
    const serve = (request: WebRequest, response: WebResponse): void => this.#serve(request, response);
    this.#http1.on('request', serve);
    // Whoever wants to send a body first is let: there is no one to ask yet.
    this.#http1.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
      response.writeContinue();
      serve(request, response);
    });
    this.#http1.on('clientError', (_, socket: Duplex) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      else socket.destroy();
    });
    this.#http1.on('upgrade', (_, socket: Duplex) => socket.destroy());
    this.#http1.on('connect', (_, socket: Duplex) => socket.destroy());
    this.#http2.on('request', serve);
    this.#http2.on('sessionError', (_, session) => session.destroy());
    this.#http2.on('session', (session) => {
      const connection = connectionOf(session.socket);
      if (connection !== null) connection.outer = session;
      session.setTimeout(quietMs, () => session.close());
    });
  }

  /**
   * Serves an accepted socket, its TLS handshake made. `open` connects to the data plane in the name of its client; it is
   * called again when that connection has ended and another request comes.
   */
  take(socket: Socket, isTls: boolean, isHttp2: boolean, open: () => Duplex): WebConnection {
    const connection = new OneConnection(socket, isTls, open);
    Reflect.set(socket, connectionKey, connection);
    socket.on('error', () => socket.destroy());
    (isHttp2 ? this.#http2 : this.#http1).emit('connection', socket);
    return connection;
  }

  #serve(request: WebRequest, response: WebResponse): void {
    const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
    const connection = connectionOf(socket);
    if (connection === null) {
      response.destroy();
      return;
    }
    request.on('error', () => {});
    response.on('error', () => {});
    connection.began(response);
    try {
      serveWebCall(request, response, {
        policy: this.#policy,
        isTls: connection.isTls,
        session: () => connection.session(),
      });
    } catch (error) {
      // What HTTP/1 allows and HTTP/2 does not, `node:http2` refuses to send.
      this.#log('debug', 'a request of a browser was refused', { reason: String(error) });
      response.destroy();
    }
  }
}

/** What a session calls its socket is a stand-in, which hands on what it is asked for. */
function connectionOf(socket: object | undefined): OneConnection | null {
  const found: unknown = socket === undefined ? undefined : Reflect.get(socket, connectionKey);
  return found instanceof OneConnection ? found : null;
}

class OneConnection implements WebConnection {
  readonly isTls: boolean;
  /** Of a browser that speaks HTTP/2. */
  outer: http2.ServerHttp2Session | null = null;
  readonly #socket: Socket;
  readonly #open: () => Duplex;
  #session: http2.ClientHttp2Session | null = null;
  #underWay = 0;
  #isDraining = false;
  #quiet: NodeJS.Timeout;

  constructor(socket: Socket, isTls: boolean, open: () => Duplex) {
    this.#socket = socket;
    this.isTls = isTls;
    this.#open = open;
    this.#quiet = this.#waitForRequest();
    socket.once('close', () => {
      clearTimeout(this.#quiet);
      this.#session?.destroy();
    });
  }

  session(): http2.ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = http2.connect('http://in-process', { createConnection: this.#open });
    session.on('error', () => {});
    session.on('goaway', () => this.drain());
    this.#session = session;
    return session;
  }

  began(response: WebResponse): void {
    this.#underWay++;
    clearTimeout(this.#quiet);
    if (this.#isDraining && this.outer === null) response.setHeader('connection', 'close');
    response.once('close', () => {
      this.#underWay--;
      if (this.#underWay > 0) return;
      if (this.#isDraining) this.#end();
      else this.#quiet = this.#waitForRequest();
    });
  }

  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.outer?.close();
    if (this.#underWay === 0) this.#end();
  }

  destroy(): void {
    this.#session?.destroy();
    this.outer?.destroy();
    this.#socket.destroy();
  }

  #end(): void {
    this.#session?.close();
    if (this.outer === null) this.#socket.end();
  }

  #waitForRequest(): NodeJS.Timeout {
    return setTimeout(() => this.#socket.destroy(), quietMs).unref();
  }
}
