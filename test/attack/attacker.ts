// A hostile peer that can send a lot: it waits for the socket, counts what it sent, and reads answers frame by frame
// without decoding them.
import { connect, type Socket } from 'node:net';
import { ping, preface } from '../support/h2-peer.ts';
import type { PreparedFlood } from './flood.ts';

const frameHeaderBytes = 9;

export class Attacker {
  readonly socket: Socket;
  sentBytes = 0;
  receivedBytes = 0;
  /** Code of the first GOAWAY. */
  goAway: number | null = null;
  /** RST_STREAM frames received, by code. */
  readonly resets = new Map<number, number>();
  /** The first HEADERS have come, or the end. */
  readonly called: Promise<void>;
  readonly closed: Promise<void>;
  isClosed = false;
  #skip: number;
  #rest = Buffer.alloc(0);
  #onPong: (() => void) | null = null;
  /** HEADERS that came, and those that ended a stream. */
  #begun = 0;
  #ended = 0;
  #onHeaders: (() => void) | null = null;
  #onCall: () => void = () => {};

  /** @param skip bytes that come before the first frame: the client's preface, at an endpoint. */
  constructor(socket: Socket, skip = 0) {
    this.socket = socket;
    this.#skip = skip;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.called = new Promise((resolve) => {
      this.#onCall = resolve;
    });
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.isClosed = true;
        this.#onPong?.();
        this.#onHeaders?.();
        this.#onCall();
        resolve();
      };
      socket.once('end', close);
      socket.once('close', close);
    });
  }

  static async connect(port: number): Promise<Attacker> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Attacker(socket);
  }

  /** As an endpoint, on a socket that the agent opened. */
  static accept(socket: Socket): Attacker {
    return new Attacker(socket, preface.length);
  }

  /** Sends as fast as the socket takes it; resolves early when the connection was closed. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.isClosed || this.socket.destroyed) return;
    this.sentBytes += bytes.length;
    if (this.socket.write(bytes)) return;
    await Promise.race([new Promise<void>((resolve) => this.socket.once('drain', resolve)), this.closed]);
  }

  /** Plays all of a flood, or as much as the agent takes before it closes or `untilMs` (monotonic) is over. */
  async play(flood: PreparedFlood, untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (flood.isDeaf) this.socket.pause();
    for (const batch of flood.batches) {
      if (this.isClosed || performance.now() >= untilMs) break;
      await this.send(batch);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.socket.resume();
  }

  /** True when the agent answers a PING: all that was sent before has been handled. False: it has closed. */
  async isAnswered(): Promise<boolean> {
    if (this.isClosed) return false;
    const pong = new Promise<void>((resolve) => {
      this.#onPong = resolve;
    });
    await this.send(ping('answered'));
    await pong;
    return !this.isClosed;
  }

  /** Waits until so many calls have been answered to their end, in trailers, or the agent has closed. */
  async ended(calls: number): Promise<void> {
    while (this.#ended < calls && !this.isClosed) await this.#headers();
  }

  /** Waits until so many HEADERS have come, or the agent has closed. */
  async begun(calls: number): Promise<void> {
    while (this.#begun < calls && !this.isClosed) await this.#headers();
  }

  #headers(): Promise<void> {
    return new Promise((resolve) => {
      this.#onHeaders = resolve;
    });
  }

  #read(received: Buffer): void {
    this.receivedBytes += received.length;
    const chunk = received.subarray(this.#skip);
    this.#skip -= received.length - chunk.length;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, bytes.subarray(at + frameHeaderBytes, end));
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #onFrame(type: number, flags: number, payload: Buffer): void {
    if (type === 1) {
      this.#onCall();
      this.#begun++;
      if ((flags & 1) !== 0) this.#ended++;
      this.#onHeaders?.();
    } else if (type === 3) {
      const code = payload.readUInt32BE(0);
      this.resets.set(code, (this.resets.get(code) ?? 0) + 1);
    } else if (type === 7) this.goAway ??= payload.readUInt32BE(4);
    else if (type === 6 && flags === 1 && payload.toString('latin1') === 'answered') this.#onPong?.();
  }
}
