// A hostile peer that can send a lot: it waits for the socket, counts what it sent, and reads answers frame by frame
// without decoding them.
import { connect, type Socket } from 'node:net';
import { ping } from '../support/h2-peer.ts';
import { type Flood, opening } from './flood.ts';

const batchBytes = 65_536;

export class Attacker {
  readonly socket: Socket;
  sentBytes = 0;
  receivedBytes = 0;
  /** Code of the first GOAWAY. */
  goAway: number | null = null;
  /** RST_STREAM frames received, by code. */
  readonly resets = new Map<number, number>();
  readonly closed: Promise<void>;
  isClosed = false;
  #rest = Buffer.alloc(0);
  #onPong: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.closed = new Promise((resolve) => {
      const close = (): void => {
        this.isClosed = true;
        this.#onPong?.();
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

  /** Sends as fast as the socket takes it; resolves early when the connection was closed. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.isClosed || this.socket.destroyed) return;
    this.sentBytes += bytes.length;
    if (this.socket.write(bytes)) return;
    await Promise.race([new Promise<void>((resolve) => this.socket.once('drain', resolve)), this.closed]);
  }

  /** Plays all rounds of a flood, or as many as the agent takes before it closes or `untilMs` (monotonic) is over. */
  async play(flood: Flood, untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    await this.send(Buffer.concat([opening, flood.begin ?? Buffer.alloc(0)]));
    if (flood.isDeaf === true) this.socket.pause();
    let batch: Buffer[] = [];
    let bytes = 0;
    for (let i = 0; i < flood.rounds && !this.isClosed && performance.now() < untilMs; i++) {
      const round = flood.round(i);
      batch.push(round);
      bytes += round.length;
      if (bytes < batchBytes) continue;
      await this.send(Buffer.concat(batch));
      await new Promise((resolve) => setImmediate(resolve));
      batch = [];
      bytes = 0;
    }
    await this.send(Buffer.concat(batch));
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

  #read(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      this.#onFrame(bytes[3]!, bytes[4]!, bytes.subarray(9, 9 + length));
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = Buffer.from(bytes);
  }

  #onFrame(type: number, flags: number, payload: Buffer): void {
    if (type === 3) {
      const code = payload.readUInt32BE(0);
      this.resets.set(code, (this.resets.get(code) ?? 0) + 1);
    } else if (type === 7) this.goAway ??= payload.readUInt32BE(4);
    else if (type === 6 && flags === 1 && payload.toString('latin1') === 'answered') this.#onPong?.();
  }
}
