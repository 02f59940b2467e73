// An endpoint that answers each call as grpc-go does: headers, a message of 100 bytes, trailers, the fields in the table
// after the first answer. It decodes nothing, so that it costs next to nothing: the load generator shares its core.
// Arguments: PORT... [--tls CERTIFICATE KEY]
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { grpcMessage, MESSAGE_BYTES } from '../load/payload.ts';
import {
  ack,
  endHeaders,
  endStream,
  frame,
  frameHeaderBytes,
  frameType,
  receiveWindow,
  serverPreface,
  settingsAckFrame,
  windowUpdate,
} from '../load/raw-frames.ts';

const [portArgs, tlsFiles] = splitAt(process.argv.slice(2), '--tls');
const message = grpcMessage(MESSAGE_BYTES - 5, 0x62);
/** `:status: 200`, `content-type: application/grpc`; then `grpc-status: 0` and an empty `grpc-message`. */
const intoTable: Answers = {
  first: answer(
    [0x88, 0x5f, ...literal('application/grpc')],
    [0x40, ...literal('grpc-status'), ...literal('0'), 0x40, ...literal('grpc-message'), ...literal('')],
  ),
  later: answer([0x88, 0xc0], [0xbf, 0xbe]),
};
/** The same for a peer that wants no table, which is told that there is none (RFC 7541 section 4.2). */
const plainHead = [0x88, 0x0f, 0x10, ...literal('application/grpc')];
const plainTrailers = [0, ...literal('grpc-status'), ...literal('0'), 0, ...literal('grpc-message'), ...literal('')];
const withoutTable: Answers = {
  first: answer([0x20, ...plainHead], plainTrailers),
  later: answer(plainHead, plainTrailers),
};
const settingTableSize = 1;
const tableBytes = 4096;
const prefaceBytes = 24;
const outBytes = 65_536;

class Connection {
  readonly #socket: net.Socket;
  #rest: Buffer | null = null;
  #isOpening = true;
  #answers = intoTable;
  #hasAnswered = false;
  #sendWindow = 65_535;
  #received = 0;
  readonly #waiting: number[] = [];
  #out = Buffer.allocUnsafe(outBytes);
  #at = 0;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.write(serverPreface);
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.on('error', () => socket.destroy());
  }

  #onChunk(chunk: Buffer): void {
    const buf = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (this.#isOpening && buf.length >= prefaceBytes) {
      this.#isOpening = false;
      at = prefaceBytes;
    }
    while (!this.#isOpening && buf.length - at >= frameHeaderBytes) {
      const length = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!;
      const end = at + frameHeaderBytes + length;
      if (end > buf.length) break;
      this.#onFrame(buf, at, length);
      at = end;
    }
    this.#rest = at === buf.length ? null : buf.subarray(at);
    this.#flush();
  }

  #onFrame(buf: Buffer, at: number, length: number): void {
    const type = buf[at + 3]!;
    const flags = buf[at + 4]!;
    if (type === frameType.data) this.#credit(length);
    if (type === frameType.data || type === frameType.headers) {
      if ((flags & endStream) !== 0) this.#answer(buf.readUInt32BE(at + 5));
    } else if (type === frameType.windowUpdate) {
      if (buf.readUInt32BE(at + 5) === 0) this.#sendWindow += buf.readUInt32BE(at + frameHeaderBytes);
      while (this.#waiting.length > 0 && this.#sendWindow >= message.length) this.#answer(this.#waiting.shift()!);
    } else if (type === frameType.settings) {
      if ((flags & ack) === 0) this.#onSettings(buf, at + frameHeaderBytes, length);
    } else if (type === frameType.ping) {
      if ((flags & ack) === 0) {
        this.#append(
          frame(frameType.ping, ack, 0, buf.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length)),
        );
      }
    }
  }

  #onSettings(buf: Buffer, start: number, length: number): void {
    for (let at = start; at < start + length; at += 6) {
      if (buf.readUInt16BE(at) !== settingTableSize) continue;
      if (buf.readUInt32BE(at + 2) < tableBytes) this.#answers = withoutTable;
    }
    this.#append(settingsAckFrame);
  }

  #answer(streamId: number): void {
    if (this.#sendWindow < message.length) {
      this.#waiting.push(streamId);
      return;
    }
    this.#sendWindow -= message.length;
    const { bytes, idsAt } = this.#hasAnswered ? this.#answers.later : this.#answers.first;
    this.#hasAnswered = true;
    const start = this.#append(bytes);
    for (const at of idsAt) this.#out.writeUInt32BE(streamId, start + at);
  }

  #append(bytes: Buffer): number {
    if (this.#out.length - this.#at < bytes.length) this.#flush();
    const start = this.#at;
    this.#at += bytes.copy(this.#out, start);
    return start;
  }

  #flush(): void {
    if (this.#at === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#at));
    // The socket may hold on to what it was given.
    this.#out =
      this.#out.length - this.#at < outBytes / 4 ? Buffer.allocUnsafe(outBytes) : this.#out.subarray(this.#at);
    this.#at = 0;
  }

  /** A stream never fills its window; the connection's is filled up again by halves. */
  #credit(bytes: number): void {
    this.#received += bytes;
    if (this.#received < receiveWindow / 2) return;
    this.#append(windowUpdate(this.#received));
    this.#received = 0;
  }
}

for (const port of portArgs.map(Number)) {
  const onSocket = (socket: net.Socket): Connection => new Connection(socket);
  const [certificate = '', key = ''] = tlsFiles;
  const server =
    certificate === ''
      ? net.createServer(onSocket)
      : tls.createServer({ cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ['h2'] }, onSocket);
  server.listen(port, '127.0.0.1');
}

interface Answer {
  readonly bytes: Buffer;
  /** Where the stream's id stands. */
  readonly idsAt: readonly number[];
}

interface Answers {
  readonly first: Answer;
  readonly later: Answer;
}

function answer(head: readonly number[], trailers: readonly number[]): Answer {
  const frames = [
    frame(frameType.headers, endHeaders, 0, Buffer.from(head)),
    frame(frameType.data, 0, 0, message),
    frame(frameType.headers, endHeaders | endStream, 0, Buffer.from(trailers)),
  ];
  const idsAt = frames.map((_, at) => frames.slice(0, at).reduce((sum, { length }) => sum + length, 5));
  return { bytes: Buffer.concat(frames), idsAt };
}

function literal(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

function splitAt(args: readonly string[], flag: string): [string[], string[]] {
  const at = args.indexOf(flag);
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)];
}
