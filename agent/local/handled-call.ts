// A call that a grpc-js server hands to a handler, as the downstream stream of a call that is proxied: whole messages on
// that side, header blocks and frames on this one. What the server has done to it (TLS, compression, interceptors,
// deadline) stays its matter.
import type { Duplex } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import { formatGrpcTimeout } from '../grpc/deadline.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { status, statusOfHttp, statusOfReset } from '../grpc/status.ts';
import { readMessage } from '../grpc/trailers.ts';
import {
  type Connection,
  ErrorCode,
  type Flusher,
  type HeaderBlock,
  type HeaderShapes,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import { handledConnection, type ServerPeer } from './handled-connection.ts';

/** What is needed of `grpc.ServerDuplexStream<Buffer, Buffer>`, of whichever copy of grpc-js. */
export interface ServerCall extends Duplex, ServerPeer {
  readonly metadata: { toHttp2Headers(): Readonly<Record<string, unknown>> };
  getHost(): string;
  getDeadline(): Date | number;
  sendMetadata(metadata: Metadata): void;
}

export interface HandledCallOptions {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Of a message that comes back. */
  readonly maxMessageBytes: number;
  readonly shapes: HeaderShapes;
  readonly flusher: Flusher;
  readonly accept: (stream: Stream) => StreamHandler;
  /** Once: the client has its answer, or has gone. */
  readonly onEnd: () => void;
}

/** Bytes of a request that wait to be sent on, before no more of it is read. */
const windowBytes = 262_144;

/** Fields that the server writes itself, or that are said in another way. */
const ownFields: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'date',
  'grpc-status',
  'grpc-message',
  'grpc-encoding',
  'grpc-accept-encoding',
]);

const noBytes = Buffer.alloc(0);

export class HandledCall implements Stream {
  readonly id = 1;
  readonly connection: Connection;
  handler: StreamHandler;
  headersAre: 'informational' | 'head' | 'trailers' = 'head';
  readonly receivedHead = true;
  receivedEnd = false;
  sentEnd = false;
  queuedBytes = 0;
  readonly #call: ServerCall;
  readonly #flusher: Flusher;
  readonly #messages: MessageReader;
  /** HTTP status of the answer; 0 before. */
  #httpStatus = 0;
  #uncredited = 0;
  #reportScheduled = false;
  #onEnd: () => void;

  private constructor(call: ServerCall, options: HandledCallOptions) {
    this.#call = call;
    this.#flusher = options.flusher;
    this.connection = handledConnection(call);
    this.#messages = new MessageReader(options.maxMessageBytes, (message) => call.write(message));
    this.#onEnd = options.onEnd;
    this.handler = options.accept(this);
  }

  /** Has that call proxied. */
  static begin(call: ServerCall, options: HandledCallOptions): void {
    let head: HeaderBlock;
    let stream: HandledCall;
    try {
      head = options.shapes.block(requestFields(call, options.path));
      stream = new HandledCall(call, options);
    } catch (error) {
      call.emit('error', { code: status.INTERNAL, details: `the request can't be sent on: ${String(error)}` });
      options.onEnd();
      return;
    }
    stream.#inTurn(() => stream.handler.onHeaders(stream, head, false));
    call.on('data', (message: Buffer) => stream.#takeMessage(message));
    call.on('end', () => stream.#takeEnd());
    call.on('drain', () => stream.#reportSoon());
    call.on('cancelled', () => {
      stream.#inTurn(() => stream.handler.onReset(stream, ErrorCode.CANCEL, 'peer', false));
      stream.#over();
    });
  }

  // ---- what the client sends -----------------------------------------------------------------------------------

  #takeMessage(message: Buffer): void {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    this.#uncredited += prefix.length + message.length;
    if (this.#uncredited >= windowBytes) this.#call.pause();
    this.#inTurn(() => {
      this.handler.onData(this, prefix, 0, prefix.length, false);
      this.handler.onData(this, message, 0, message.length, false);
    });
  }

  #takeEnd(): void {
    this.receivedEnd = true;
    this.#inTurn(() => this.handler.onData(this, noBytes, 0, 0, true));
  }

  credit(bytes: number): void {
    this.#uncredited -= bytes;
    if (this.#uncredited < windowBytes && this.#call.isPaused()) this.#call.resume();
  }

  // ---- what comes back -----------------------------------------------------------------------------------------

  sendHeaders(block: HeaderBlock, endStream: boolean): void {
    if (this.sentEnd) return;
    const isHead = this.#httpStatus === 0;
    if (isHead) this.#httpStatus = Math.max(0, block.digits(':status'));
    if (endStream) this.#endWith(this.#statusOf(block), readMessage(block), metadataOf(block));
    else if (isHead) this.#call.sendMetadata(metadataOf(block));
  }

  sendData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.sentEnd) return;
    const fault = this.#httpStatus === 200 ? this.#messages.add(buf, start, end) : null;
    if (fault === 'too-large') {
      this.#giveUp(status.RESOURCE_EXHAUSTED, 'a message of the answer is larger than this proxy takes');
    } else if (fault === 'compressed') {
      this.#giveUp(status.INTERNAL, 'a message of the answer is compressed, which nobody asked for');
    } else {
      this.queuedBytes += end - start;
      this.#reportSoon();
      if (endStream) this.#endWith(this.#statusOf(null), 'the answer ended without a status', new Metadata());
    }
  }

  reset(code: number): void {
    // An answer that is whole ends the request too.
    if (code === ErrorCode.NO_ERROR) this.#call.resume();
    else this.#endWith(statusOfReset(code), 'the call was reset', new Metadata());
  }

  #statusOf(last: HeaderBlock | null): number {
    const own = last === null ? -1 : last.digits('grpc-status');
    if (own !== -1) return own;
    return this.#httpStatus === 200 ? status.UNKNOWN : statusOfHttp(this.#httpStatus);
  }

  /** The answer can't be handed on: its endpoint is told to stop. */
  #giveUp(code: number, details: string): void {
    this.#endWith(code, details, new Metadata());
    setImmediate(() => this.#inTurn(() => this.handler.onReset(this, ErrorCode.CANCEL, 'local', false)));
  }

  #endWith(code: number, details: string, metadata: Metadata): void {
    if (this.sentEnd) return;
    this.sentEnd = true;
    // Behind what has been written.
    if (code === status.OK && !this.#messages.isInside) this.#call.end(metadata);
    else if (code === status.OK)
      this.#call.emit('error', { code: status.INTERNAL, details: 'the answer ended within a message' });
    else this.#call.emit('error', { code, details, metadata });
    this.#over();
  }

  #over(): void {
    const tell = this.#onEnd;
    this.#onEnd = () => {};
    tell();
  }

  /** Bytes count as sent once the server takes more: later, since nothing is told from within `sendData`. */
  #reportSoon(): void {
    if (this.#reportScheduled || this.queuedBytes === 0) return;
    this.#reportScheduled = true;
    process.nextTick(() => {
      this.#reportScheduled = false;
      if (this.#call.writableNeedDrain && !this.#call.destroyed) return;
      const bytes = this.queuedBytes;
      this.queuedBytes = 0;
      this.#inTurn(() => this.handler.onSent(this, bytes));
    });
  }

  #inTurn(work: () => void): void {
    this.#flusher.enter();
    try {
      work();
    } finally {
      this.#flusher.leave();
    }
  }
}

function requestFields(call: ServerCall, path: string): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', call.getHost()],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  const remainingMs = Number(call.getDeadline()) - Date.now();
  if (Number.isFinite(remainingMs)) {
    fields.push(['grpc-timeout', Buffer.from(formatGrpcTimeout(remainingMs)).toString('latin1')]);
  }
  for (const [name, values] of Object.entries(call.metadata.toHttp2Headers())) {
    if (fields.some(([own]) => own === name)) continue;
    for (const value of [values].flat()) fields.push([name, String(value)]);
  }
  return fields;
}

function metadataOf(block: HeaderBlock): Metadata {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of block.entries()) {
    if (name.startsWith(':') || ownFields.has(name)) continue;
    headers[name] ??= [];
    headers[name].push(value);
  }
  return Metadata.fromHttp2Headers(headers);
}
