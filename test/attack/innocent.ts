// The attacker's neighbours: they make calls at a steady rate on connections of their own, and time each. And those whom
// it is after: callers that are led to a hostile endpoint.
import { type ClientHttp2Session, connect } from 'node:http2';
import { call } from '../support/http2-call.ts';

const everyMs = 5;

export interface Latencies {
  readonly calls: number;
  readonly failed: number;
  /** How the first of those that failed ended; empty when none did. */
  readonly failure: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class Innocent {
  readonly #session: ClientHttp2Session;
  #timer: NodeJS.Timeout | null = null;
  #pending: Promise<void>[] = [];
  #latencies: number[] = [];
  #failed = 0;
  #failure = '';

  constructor(agentPort: number) {
    this.#session = connect(`http://127.0.0.1:${agentPort}`);
    this.#session.on('error', () => {});
  }

  /** Calls from now on; a call counts from when it was due, so that a stall is seen by all that it delays. */
  begin(): void {
    this.#latencies = [];
    this.#failed = 0;
    this.#failure = '';
    let dueMs = performance.now();
    this.#timer = setInterval(() => {
      for (; dueMs <= performance.now(); dueMs += everyMs) this.#pending.push(this.#call(dueMs));
    }, everyMs);
  }

  /** Calls no more, waits for those under way, and answers how they fared. */
  async end(): Promise<Latencies> {
    this.pause();
    await Promise.all(this.#pending);
    this.#pending = [];
    const sorted = this.#latencies.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { calls: sorted.length, failed: this.#failed, failure: this.#failure, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    this.pause();
    this.#session.destroy();
  }

  async #call(dueMs: number): Promise<void> {
    const { headers, trailers, code } = await call(this.#session);
    this.#latencies.push(performance.now() - dueMs);
    if (trailers?.['grpc-status'] === '0') return;
    this.#failed++;
    const { 'grpc-status': status, 'grpc-message': message } = trailers ?? headers;
    if (this.#failure === '') this.#failure = `grpc-status ${status}, ${message}, HTTP/2 code ${code}`;
  }
}

/** Makes calls under that path, so many at once, until told to stop; whatever becomes of them. */
export class Victims {
  readonly #agentPort: number;
  readonly #path: string;
  #session: ClientHttp2Session;
  #isStopped = false;

  constructor(agentPort: number, path: string, width: number) {
    this.#agentPort = agentPort;
    this.#path = path;
    this.#session = this.#connect();
    for (let i = 0; i < width; i++) void this.#callOn();
  }

  stop(): void {
    this.#isStopped = true;
    this.#session.destroy();
  }

  #connect(): ClientHttp2Session {
    const session = connect(`http://127.0.0.1:${this.#agentPort}`);
    session.on('error', () => {});
    // On a session that is told to go away calls end without anything being sent.
    session.once('goaway', () => session.close());
    return session;
  }

  async #callOn(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#session.closed || this.#session.destroyed) this.#session = this.#connect();
      await call(this.#session, { ':path': this.#path });
      // A call that ends at once leaves no turn of the event loop to anybody else.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
