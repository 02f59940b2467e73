// A scripted HTTP/2 peer on a raw socket: it sends exactly the bytes it is told to, sound or not, and waits for frames.
//
//   const peer = await H2Peer.connect(port);
//   peer.send(preface, settings(), headers(1, get('/')));
//   const frame = await peer.expect('HEADERS', 1);
import { connect, createServer, type Socket } from 'node:net';
import { HeaderShapes } from '../../agent/http2/index.ts';

export const frameTypes = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const;
export type FrameName = (typeof frameTypes)[number];

export interface ReceivedFrame {
  readonly type: FrameName;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of HEADERS with END_HEADERS: the fields, decoded in the order of arrival. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly endStream: boolean;
  readonly isAck: boolean;
  /** Of RST_STREAM and GOAWAY. */
  readonly code: number;
}

export type Fields = readonly (readonly [name: string, value: string])[];

export const flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

// ---- frames to send ----------------------------------------------------------------------------------------------

/** Any frame at all: a known name or a number as its type. */
export function frame(
  type: FrameName | number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = typeof type === 'number' ? type : frameTypes.indexOf(type);
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  values.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame('SETTINGS', 0, 0, payload);
}

export function settingsAck(): Buffer {
  return frame('SETTINGS', flag.ack, 0);
}

/** A whole block in one frame, literals without indexing. */
export function headers(streamId: number, fields: Fields, flags = 0): Buffer {
  return frame('HEADERS', flag.endHeaders | flags, streamId, encodeFields(fields));
}

export function encodeFields(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length = bytes.length < 127 ? [bytes.length] : [127, ...varint(bytes.length - 127)];
  return Buffer.concat([Buffer.from(length), bytes]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

export function data(streamId: number, payload: Uint8Array | string, flags = 0): Buffer {
  return frame('DATA', flags, streamId, typeof payload === 'string' ? Buffer.from(payload) : payload);
}

/** DATA with so many bytes of padding. */
export function paddedData(streamId: number, payload: string, padding: number, flags = 0): Buffer {
  const body = Buffer.concat([Buffer.from([padding]), Buffer.from(payload), Buffer.alloc(padding)]);
  return frame('DATA', flags | flag.padded, streamId, body);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame('WINDOW_UPDATE', 0, streamId, uint32(increment));
}

export function rstStream(streamId: number, code: number): Buffer {
  return frame('RST_STREAM', 0, streamId, uint32(code));
}

export function ping(payload: string, flags = 0): Buffer {
  return frame('PING', flags, 0, Buffer.from(payload, 'latin1'));
}

export function goAway(lastStreamId: number, code: number, debug = ''): Buffer {
  return frame('GOAWAY', 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug, 'latin1')]));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function request(path = '/test.Echo/Call'): Fields {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'echo.test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
}

// ---- the peer ----------------------------------------------------------------------------------------------------

interface Waiter {
  readonly matches: (frame: ReceivedFrame) => boolean;
  readonly resolve: (frame: ReceivedFrame) => void;
  readonly reject: (error: Error) => void;
  readonly what: string;
}

export class H2Peer {
  readonly socket: Socket;
  /** Every frame so far. */
  readonly received: ReceivedFrame[] = [];
  /** Called with each frame as it comes. */
  onFrame: (frame: ReceivedFrame) => void = () => {};
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;
  readonly #decoder = new HeaderShapes().createDecoder({ maxListBytes: 10_000_000, maxFields: 100_000 });
  readonly #waiters: Waiter[] = [];
  /** Frames that nobody has waited for yet. */
  #inbox: ReceivedFrame[] = [];
  #bytes = Buffer.alloc(0);
  #isClosed = false;

  /** @param skip bytes that come before the first frame: the client's preface, at a server. */
  constructor(socket: Socket, skip = 0) {
    this.socket = socket;
    let left = skip;
    socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(left, chunk.length);
      left -= skipped;
      this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(skipped)]);
      this.#readFrames();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.#isClosed = true;
        for (const { reject, what } of this.#waiters.splice(0)) {
          reject(new Error(`the connection was closed before ${what} came; got ${this.summary()}`));
        }
        resolve();
      };
      socket.once('end', close);
      socket.once('close', close);
    });
  }

  /** As a client, to a server under test. */
  static async connect(port: number): Promise<H2Peer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new H2Peer(socket);
  }

  /** As a client that has exchanged SETTINGS and acknowledged them. */
  static async ready(port: number, ...own: readonly (readonly [id: number, value: number])[]): Promise<H2Peer> {
    const peer = await H2Peer.connect(port);
    peer.send(preface, settings(...own));
    await peer.expect('SETTINGS', 0, (frame) => !frame.isAck);
    peer.send(settingsAck());
    await peer.expect('SETTINGS', 0, (frame) => frame.isAck);
    return peer;
  }

  /** As a server, for a client under test; `next` is its next connection. */
  static async listen(): Promise<{ port: number; next: () => Promise<H2Peer>; close: () => void }> {
    const server = createServer({ noDelay: true });
    const peers: H2Peer[] = [];
    const wanted: ((peer: H2Peer) => void)[] = [];
    server.on('connection', (socket) => {
      const peer = new H2Peer(socket, preface.length);
      const want = wanted.shift();
      if (want === undefined) peers.push(peer);
      else want(peer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const next = (): Promise<H2Peer> => {
      const peer = peers.shift();
      return peer === undefined ? new Promise((resolve) => wanted.push(resolve)) : Promise.resolve(peer);
    };
    return { port: address.port, next, close: () => server.close() };
  }

  /** In one write. */
  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** In writes of one byte, each in a turn of its own. */
  async dribble(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      this.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The first frame of that type (on that stream) that nobody has waited for yet. */
  expect(
    type: FrameName,
    streamId?: number,
    matches: (frame: ReceivedFrame) => boolean = () => true,
  ): Promise<ReceivedFrame> {
    const isIt = (frame: ReceivedFrame): boolean =>
      frame.type === type && (streamId === undefined || frame.streamId === streamId) && matches(frame);
    const at = this.#inbox.findIndex(isIt);
    if (at !== -1) return Promise.resolve(this.#inbox.splice(at, 1)[0]!);
    const what = streamId === undefined ? type : `${type} on stream ${streamId}`;
    if (this.#isClosed)
      return Promise.reject(new Error(`the connection was closed without ${what}; got ${this.summary()}`));
    return new Promise((resolve, reject) => this.#waiters.push({ matches: isIt, resolve, reject, what }));
  }

  /** After this, everything that was caused by what was sent before has been received. */
  async roundTrip(): Promise<void> {
    const payload = `rt${String(this.received.length).padStart(6, '0')}`;
    this.send(ping(payload));
    await this.expect('PING', 0, (frame) => frame.isAck && frame.payload.toString('latin1') === payload);
  }

  /** The bytes of all DATA received on that stream so far. */
  body(streamId: number): Buffer {
    return Buffer.concat(
      this.received.filter((f) => f.type === 'DATA' && f.streamId === streamId).map((f) => f.payload),
    );
  }

  count(type: FrameName, streamId?: number): number {
    return this.received.filter((f) => f.type === type && (streamId === undefined || f.streamId === streamId)).length;
  }

  summary(): string {
    return (
      this.received.map((f) => `${f.type}(${f.streamId}${f.type === 'GOAWAY' ? ` ${f.code}` : ''})`).join(' ') ||
      'nothing'
    );
  }

  #readFrames(): void {
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < 9 + length) return;
      const whole = this.#bytes.subarray(0, 9 + length);
      this.#bytes = this.#bytes.subarray(9 + length);
      this.#deliver(this.#parse(whole));
    }
  }

  #parse(bytes: Buffer): ReceivedFrame {
    const type = frameTypes[bytes[3]!]!;
    const flags = bytes[4]!;
    const payload = bytes.subarray(9);
    const hasBlock = type === 'HEADERS' && (flags & flag.endHeaders) !== 0;
    const code = type === 'RST_STREAM' ? payload.readUInt32BE(0) : type === 'GOAWAY' ? payload.readUInt32BE(4) : -1;
    return {
      type,
      flags,
      streamId: bytes.readUInt32BE(5),
      payload,
      fields: hasBlock ? this.#decoder.decode(payload, 0, payload.length)!.entries() : [],
      endStream: (type === 'DATA' || type === 'HEADERS') && (flags & flag.endStream) !== 0,
      isAck: (flags & flag.ack) !== 0,
      code,
    };
  }

  #deliver(frame: ReceivedFrame): void {
    this.received.push(frame);
    this.onFrame(frame);
    const at = this.#waiters.findIndex(({ matches }) => matches(frame));
    if (at === -1) this.#inbox.push(frame);
    else this.#waiters.splice(at, 1)[0]!.resolve(frame);
  }
}
