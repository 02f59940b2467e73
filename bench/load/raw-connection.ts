// One connection of our own load generator: sends unary calls, counts their answers, and does nothing that a proxy would
// not see. Response header blocks are not decoded: a call has succeeded when data and an END_STREAM have come.
import type { Socket } from 'node:net';
import type { PeerEncoder, PeerField } from './peer-hpack.ts';
import {
  ack,
  clientPreface,
  endHeaders,
  endStream,
  frame,
  frameHeaderBytes,
  frameType,
  receiveWindow,
  settingsAckFrame,
  windowUpdate,
  writeHeader,
} from './raw-frames.ts';

const outBytes = 262_144;
/** Room for one call: its header block and message. */
const callBytes = 4096;
/** Calls at a time on one connection, at most, whatever the peer allows. */
const maxActive = 1000;
/** As many streams of one connection are told apart. */
const maxStreams = 16_384;

const settingTableSize = 1;
const settingMaxStreams = 3;

export interface RawConnectionOwner {
  onReady(connection: RawConnection): void;
  /** `begin`: as it was given to `call`. */
  onDone(connection: RawConnection, begin: number, succeeded: boolean): void;
  onClosed(reason: string): void;
  /** The fields of the next call. */
  fields(): readonly PeerField[];
}

export class RawConnection {
  readonly #socket: Socket;
  readonly #encoder: PeerEncoder;
  readonly #owner: RawConnectionOwner;
  readonly #message: Buffer;
  readonly #begins = new Float64Array(maxStreams);
  readonly #hasData = new Uint8Array(maxStreams);
  readonly #waiting: number[] = [];
  #out = Buffer.allocUnsafe(outBytes);
  #at = 0;
  #rest: Buffer | null = null;
  #nextId = 1;
  #active = 0;
  #maxActive = maxActive;
  #window = 65_535;
  #received = 0;
  #isReady = false;

  constructor(socket: Socket, encoder: PeerEncoder, message: Buffer, owner: RawConnectionOwner) {
    this.#socket = socket;
    this.#encoder = encoder;
    this.#message = message;
    this.#owner = owner;
    socket.setNoDelay(true);
    socket.write(clientPreface);
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    socket.on('error', (error) => owner.onClosed(error.message));
    socket.on('close', () => owner.onClosed('the peer closed a connection'));
  }

  /** Begins a call as soon as the peer allows; `flush` sends it. */
  call(begin: number): void {
    if (this.#active >= this.#maxActive || this.#window < this.#message.length) this.#waiting.push(begin);
    else this.#send(begin);
  }

  flush(): void {
    if (this.#at === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#at));
    // The socket may hold on to what it was given.
    this.#out = Buffer.from(this.#out.buffer, this.#out.byteOffset + this.#at, this.#out.length - this.#at);
    if (this.#out.length < outBytes / 2) this.#out = Buffer.allocUnsafe(outBytes);
    this.#at = 0;
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(begin: number): void {
    if (this.#out.length - this.#at < callBytes) this.flush();
    const id = this.#nextId;
    this.#nextId += 2;
    this.#active++;
    this.#window -= this.#message.length;
    this.#begins[(id >> 1) % maxStreams] = begin;
    this.#hasData[(id >> 1) % maxStreams] = 0;
    const headers = this.#at;
    const block = headers + frameHeaderBytes;
    const blockEnd = this.#encoder.encode(this.#owner.fields(), this.#out, block);
    writeHeader(this.#out, headers, blockEnd - block, frameType.headers, endHeaders, id);
    const data = writeHeader(this.#out, blockEnd, this.#message.length, frameType.data, endStream, id);
    this.#at = data + this.#message.copy(this.#out, data);
  }

  #onChunk(chunk: Buffer): void {
    const buf = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (buf.length - at >= frameHeaderBytes) {
      const length = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!;
      const end = at + frameHeaderBytes + length;
      if (end > buf.length) break;
      this.#onFrame(buf, at, length);
      at = end;
    }
    this.#rest = at === buf.length ? null : buf.subarray(at);
    this.flush();
  }

  #onFrame(buf: Buffer, at: number, length: number): void {
    const type = buf[at + 3]!;
    const flags = buf[at + 4]!;
    if (type === frameType.data || type === frameType.headers) {
      const id = buf.readUInt32BE(at + 5);
      if (type === frameType.data) {
        if (length > 0) this.#hasData[(id >> 1) % maxStreams] = 1;
        this.#credit(length);
      }
      if ((flags & endStream) !== 0) this.#end(id, this.#hasData[(id >> 1) % maxStreams] === 1);
    } else {
      const start = at + frameHeaderBytes;
      this.#onControl(type, flags, buf.readUInt32BE(at + 5), buf.subarray(start, start + length));
    }
  }

  #onControl(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === frameType.rstStream) {
      this.#end(id, false);
    } else if (type === frameType.windowUpdate) {
      if (id === 0) this.#window += payload.readUInt32BE(0);
      this.#sendWaiting();
    } else if (type === frameType.settings) {
      if ((flags & ack) === 0) this.#onSettings(payload);
    } else if (type === frameType.ping) {
      if ((flags & ack) === 0) this.#socket.write(frame(frameType.ping, ack, 0, payload));
    } else if (type === frameType.goAway) {
      this.#owner.onClosed(`GOAWAY with code ${payload.readUInt32BE(4)}`);
    }
  }

  #onSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      if (payload.readUInt16BE(at) === settingTableSize) this.#encoder.limitTable(value);
      if (payload.readUInt16BE(at) === settingMaxStreams) this.#maxActive = Math.min(value, maxActive);
    }
    this.#socket.write(settingsAckFrame);
    if (this.#isReady) return;
    this.#isReady = true;
    this.#owner.onReady(this);
  }

  #end(id: number, succeeded: boolean): void {
    this.#active--;
    this.#owner.onDone(this, this.#begins[(id >> 1) % maxStreams]!, succeeded);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#active < this.#maxActive && this.#window >= this.#message.length) {
      this.#send(this.#waiting.shift()!);
    }
  }

  /** Streams are over before their windows matter; the connection's is filled up again by halves. */
  #credit(bytes: number): void {
    this.#received += bytes;
    if (this.#received < receiveWindow / 2) return;
    this.#socket.write(windowUpdate(this.#received));
    this.#received = 0;
  }
}
