// A connection without a kernel: a socket that takes what is written when a test says so, in pieces of its choice, and the
// peer behind it, which keeps account of both windows and judges what it gets.
import { Duplex } from 'node:stream';
import { data, flag, frame, headers, preface, settings, settingsAck, uint32 } from '../support/h2-peer.ts';

type Done = (error?: Error | null) => void;

/** What is written is read from where it lies, as a kernel does it, when it is taken: memory used again too early shows. */
export class Wire extends Duplex {
  isOpen = true;
  /** Chunks either way. */
  moves = 0;
  onBytes: (bytes: Buffer) => void = () => {};
  #held: Buffer[] = [];
  #done: Done | null = null;

  get isFull(): boolean {
    return this.#done !== null;
  }

  open(): void {
    this.isOpen = true;
    this.release(Number.POSITIVE_INFINITY);
  }

  /** Takes so many bytes of a write that waits; with the last of them it has completed. */
  release(bytes: number): void {
    let left = bytes;
    while (left > 0 && this.#held.length > 0) {
      const first = this.#held[0]!;
      const taken = Math.min(left, first.length);
      left -= taken;
      if (taken === first.length) this.#held.shift();
      else this.#held[0] = first.subarray(taken);
      this.onBytes(Buffer.from(first.subarray(0, taken)));
    }
    if (this.#held.length > 0) return;
    const done = this.#done;
    this.#done = null;
    done?.();
  }

  override _read(): void {}

  /** The peer closes its side when the other one has. */
  override _final(done: Done): void {
    this.push(null);
    done();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#hold([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#hold(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #hold(chunks: Buffer[], done: Done): void {
    this.moves++;
    this.#held = chunks;
    this.#done = done;
    if (this.isOpen) this.release(Number.POSITIVE_INFINITY);
  }
}

const firstWindow = 65_535;
const maxFrame = 16_384;

/** The byte at that place of a stream's body. */
export function bodyByte(streamId: number, at: number): number {
  return (at * 31 + streamId * 7 + (at >>> 8)) & 255;
}

export function bodyOf(streamId: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  for (let at = from; at < to; at++) bytes[at - from] = bodyByte(streamId, at);
  return bytes;
}

export interface PeerStream {
  readonly id: number;
  /** WINDOW_UPDATEs given on it. */
  granted: number;
  received: number;
  hasEnd: boolean;
  isReset: boolean;
  /** What we let it send. */
  credit: number;
  sent: number;
  toSend: number;
  endsBehind: boolean;
  hasSentEnd: boolean;
}

/** An honest peer of a connection under test. */
export class WirePeer {
  readonly wire: Wire;
  readonly streams = new Map<number, PeerStream>();
  /** What must never be, as it was seen. */
  readonly faults: string[] = [];
  initialWindow = firstWindow;
  window = firstWindow;
  onStream: (stream: PeerStream) => void = () => {};
  #highestInitialWindow = firstWindow;
  #sendWindow = firstWindow;
  #ourInitialWindow = firstWindow;
  #skip: number;
  #toSay: Buffer[] = [];
  #bytes = Buffer.alloc(0);

  /** @param role of this peer. */
  constructor(wire: Wire, role: 'client' | 'server', initialWindow: number) {
    this.wire = wire;
    this.#skip = role === 'server' ? preface.length : 0;
    wire.onBytes = (bytes) => this.#read(bytes);
    if (role === 'client') this.#say(preface);
    this.setWindow(initialWindow);
  }

  stream(id: number): PeerStream {
    let stream = this.streams.get(id);
    if (stream === undefined) {
      stream = {
        id,
        granted: 0,
        received: 0,
        hasEnd: false,
        isReset: false,
        credit: 0,
        sent: 0,
        toSend: 0,
        endsBehind: false,
        hasSentEnd: false,
      };
      this.streams.set(id, stream);
    }
    return stream;
  }

  /** What the peer lets be sent on that stream now; may be negative. */
  windowOf({ granted, received }: PeerStream): number {
    return Math.min(this.initialWindow + granted - received, this.window);
  }

  setWindow(initialWindow: number): void {
    this.initialWindow = initialWindow;
    this.#highestInitialWindow = Math.max(this.#highestInitialWindow, initialWindow);
    this.#say(settings([0x4, initialWindow]));
  }

  setFrameSize(bytes: number): void {
    this.#say(settings([0x5, bytes]));
  }

  grant(id: number, bytes: number): void {
    if (id === 0) this.window += bytes;
    else this.stream(id).granted += bytes;
    this.#say(frame('WINDOW_UPDATE', 0, id, uint32(bytes)));
  }

  open(id: number, fields: readonly (readonly [string, string])[], end: boolean): PeerStream {
    this.#say(headers(id, fields, end ? flag.endStream : 0));
    return this.stream(id);
  }

  reset(id: number): void {
    this.stream(id).isReset = true;
    this.#say(frame('RST_STREAM', 0, id, uint32(8)));
  }

  /** Sends so many more bytes as credit allows, and the end behind them. */
  sendBody(stream: PeerStream, bytes: number, ends: boolean): void {
    stream.toSend += bytes;
    stream.endsBehind = ends;
    this.#pump(stream);
  }

  #pump(stream: PeerStream): void {
    while (stream.toSend > 0 && !stream.isReset) {
      const bytes = Math.min(
        stream.toSend,
        maxFrame,
        this.#ourInitialWindow + stream.credit - stream.sent,
        this.#sendWindow,
      );
      if (bytes <= 0) return;
      this.#say(data(stream.id, bodyOf(stream.id, stream.sent, stream.sent + bytes)));
      stream.sent += bytes;
      stream.toSend -= bytes;
      this.#sendWindow -= bytes;
    }
    if (!stream.endsBehind || stream.hasSentEnd || stream.isReset) return;
    stream.hasSentEnd = true;
    this.#say(headers(stream.id, [['grpc-status', '0']], flag.endStream));
  }

  /** In one chunk with all that is said in this turn, and never from within the write that caused it. */
  #say(bytes: Buffer): void {
    this.#toSay.push(bytes);
    if (this.#toSay.length > 1) return;
    queueMicrotask(() => {
      const chunk = Buffer.concat(this.#toSay);
      this.#toSay = [];
      this.wire.moves++;
      this.wire.push(chunk);
    });
  }

  #read(bytes: Buffer): void {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(skipped)]);
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < 9 + length) return;
      const whole = this.#bytes.subarray(0, 9 + length);
      this.#bytes = this.#bytes.subarray(9 + length);
      this.#onFrame(whole[3]!, whole[4]!, whole.readUInt32BE(5), whole.subarray(9));
    }
  }

  #onFrame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === 0 || type === 1) {
      const isNew = !this.streams.has(id);
      const stream = this.stream(id);
      if (type === 0) this.#onData(stream, payload);
      if (stream.hasEnd) this.faults.push(`a frame behind the end of stream ${id}`);
      stream.hasEnd ||= (flags & flag.endStream) !== 0;
      if (isNew) this.onStream(stream);
    } else if (type === 3) this.stream(id).isReset = true;
    else if (type === 4 && (flags & flag.ack) === 0) this.#onSettings(payload);
    else if (type === 7) this.faults.push(`GOAWAY: ${payload.toString('latin1', 8)}`);
    else if (type === 8) {
      if (id === 0) this.#sendWindow += payload.readUInt32BE(0);
      else this.stream(id).credit += payload.readUInt32BE(0);
      for (const stream of this.streams.values()) this.#pump(stream);
    }
  }

  #onData(stream: PeerStream, payload: Buffer): void {
    for (const byte of payload) {
      if (byte === bodyByte(stream.id, stream.received)) stream.received++;
      else {
        this.faults.push(`byte ${stream.received} of stream ${stream.id} is another`);
        break;
      }
    }
    this.window -= payload.length;
    if (this.window < 0) this.faults.push("the connection's window is exceeded");
    if (stream.received > this.#highestInitialWindow + stream.granted)
      this.faults.push(`the window of stream ${stream.id} is exceeded`);
  }

  #onSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === 0x4) this.#ourInitialWindow = payload.readUInt32BE(at + 2);
    }
    this.#say(settingsAck());
    for (const stream of this.streams.values()) this.#pump(stream);
  }
}
