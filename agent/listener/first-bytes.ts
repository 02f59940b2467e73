// A connection whose first bytes say what becomes of it: it is served here, or passed on byte by byte. Nobody is made to
// wait: where the client says nothing at once, its server is called meanwhile, and what that says first decides.
import type { Socket } from 'node:net';
import type { ListenerDetection } from '../../xds/model/listener.ts';
import type { BytePath } from './byte-path.ts';
import { type FirstBytes, readFirstBytes } from './client-hello.ts';
import { mayBecomeHttp } from './hello.ts';
import { createTunnel, type Tunnel, type TunnelEnd } from './tunnel.ts';

export type Verdict =
  | { readonly kind: 'serve'; readonly serve: () => void }
  | { readonly kind: 'pass'; readonly path: BytePath }
  /** `reason` is a clause. */
  | { readonly kind: 'refuse'; readonly reason: string };

export interface FirstBytesOptions {
  readonly socket: Socket;
  /** What becomes of a client that begins so, the same for the same bytes. `bytes`: all so far, for whoever reads next. */
  readonly judge: (first: FirstBytes, bytes: Buffer) => Verdict;
  /** Whatever comes, `judge` says the same. */
  readonly isDecided: boolean;
  readonly detection: ListenerDetection;
  /** Of a client of ours, for whom no server can speak meanwhile, and which has not said enough. */
  readonly maxSilenceMs: number;
  readonly observer: PassingObserver;
}

/** Exactly one of the three, unless the connection is served. */
export interface PassingObserver {
  readonly onPassing: (path: BytePath, tunnel: Tunnel) => void;
  readonly onPassed: (path: BytePath, end: TunnelEnd) => void;
  /** It was not let, or could not be passed. */
  readonly onFailed: (reason: string, path: BytePath | null) => void;
}

/** Clients that speak first do so within this time, but for those far away, which lose nothing either. */
const SERVER_FIRST_MS = 10;

/** How long a silent client is kept where its server could not be reached. */
const LATE_CLIENT_MS = 1000;

const TOO_SILENT = 'the client was silent for too long';

const nothing = Buffer.alloc(0);
const clear: FirstBytes = { kind: 'clear' };

export function takeByFirstBytes(options: FirstBytesOptions): void {
  new FirstBytesWait(options).start();
}

/** A connection to where the bytes are to go, being made or made. */
interface Upstream {
  readonly path: BytePath;
  socket: Socket | null;
  giveUp: () => void;
}

class FirstBytesWait {
  readonly #options: FirstBytesOptions;
  readonly #chunks: Buffer[] = [];
  #upstream: Upstream | null = null;
  #serverFirst: NodeJS.Timeout | undefined;
  #late: NodeJS.Timeout | undefined;
  /** All that a client said that has ended its half already. */
  #whole: Buffer | null = null;
  #state: 'detecting' | 'connecting' | 'done' = 'detecting';

  constructor(options: FirstBytesOptions) {
    this.#options = options;
  }

  start(): void {
    const { socket, isDecided, detection } = this.#options;
    // Either side may end its half and go on listening.
    socket.allowHalfOpen = true;
    socket.once('close', this.#onClosed);
    if (isDecided) {
      this.#follow(this.#options.judge(clear, nothing));
      return;
    }
    socket.on('readable', this.#look);
    socket.once('end', this.#onEarlyEnd);
    this.#serverFirst = setTimeout(() => this.#callServer(), SERVER_FIRST_MS);
    if (detection.timeoutMs !== null) this.#late = setTimeout(() => this.#onLate(), detection.timeoutMs);
  }

  readonly #look = (): void => {
    const { socket, judge } = this.#options;
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) this.#chunks.push(chunk);
    const bytes = Buffer.concat(this.#chunks);
    const first = readFirstBytes(bytes);
    if (first.kind === 'incomplete' || (first.kind === 'clear' && mayBecomeHttp(bytes))) return;
    this.#stopDetecting();
    socket.unshift(bytes);
    this.#follow(judge(first, bytes));
  };

  readonly #onEarlyEnd = (): void => {
    this.#stopDetecting();
    const bytes = Buffer.concat(this.#chunks);
    const verdict = this.#options.judge(clear, bytes);
    if (verdict.kind === 'serve') {
      this.#fail('it ended before it began', null);
      return;
    }
    this.#whole = bytes;
    this.#follow(verdict);
  };

  readonly #onClosed = (): void => {
    this.#stopDetecting();
    if (this.#state === 'done') return;
    this.#fail('the client has gone', this.#upstream?.path ?? null);
  };

  /** The client is silent. Where its bytes would then be passed on, the other side may have something to say. */
  #callServer(): void {
    const verdict = this.#options.judge(clear, Buffer.concat(this.#chunks));
    if (verdict.kind === 'pass') this.#connect(verdict.path);
    else this.#late ??= setTimeout(() => this.#fail(TOO_SILENT, null), this.#options.maxSilenceMs);
  }

  #onLate(): void {
    this.#stopDetecting();
    if (!this.#options.detection.servesSilent) {
      this.#fail(TOO_SILENT, this.#upstream?.path ?? null);
      return;
    }
    const bytes = Buffer.concat(this.#chunks);
    if (bytes.length > 0) this.#options.socket.unshift(bytes);
    this.#follow(this.#options.judge(clear, bytes));
  }

  /** Where it was meant to go may be an address that only we answer for. */
  #waitForLateClient(cause: string, path: BytePath): void {
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.#fail(cause, path), LATE_CLIENT_MS);
  }

  readonly #onServerFirst = (): void => {
    if (this.#state !== 'detecting') return;
    this.#stopDetecting();
    const bytes = Buffer.concat(this.#chunks);
    if (bytes.length > 0) this.#options.socket.unshift(bytes);
    this.#follow(this.#options.judge(clear, bytes));
  };

  #stopDetecting(): void {
    const { socket } = this.#options;
    clearTimeout(this.#serverFirst);
    clearTimeout(this.#late);
    socket.off('readable', this.#look);
    socket.off('end', this.#onEarlyEnd);
  }

  #follow(verdict: Verdict): void {
    const { socket } = this.#options;
    switch (verdict.kind) {
      case 'serve':
        this.#state = 'done';
        this.#upstream?.giveUp();
        socket.off('close', this.#onClosed);
        socket.allowHalfOpen = false;
        verdict.serve();
        return;
      case 'refuse':
        this.#fail(verdict.reason, null);
        return;
      case 'pass':
        this.#pass(verdict.path);
        return;
    }
  }

  #pass(path: BytePath): void {
    this.#state = 'connecting';
    if (this.#upstream?.path !== path) this.#connect(path);
    else if (this.#upstream.socket !== null) this.#couple(path, this.#upstream.socket);
  }

  #connect(path: BytePath): void {
    this.#upstream?.giveUp();
    const upstream: Upstream = { path, socket: null, giveUp: () => {} };
    this.#upstream = upstream;
    upstream.giveUp = path.open(
      (socket) => {
        if (this.#upstream !== upstream || this.#state === 'done') {
          socket.destroy();
          return;
        }
        upstream.socket = socket;
        socket.on('error', () => {});
        upstream.giveUp = () => socket.destroy();
        if (this.#state === 'connecting') {
          this.#couple(path, socket);
          return;
        }
        socket.once('readable', this.#onServerFirst);
        socket.once('close', () => {
          if (this.#upstream === upstream && this.#state !== 'done') this.#fail('the server has closed it', path);
        });
      },
      (cause) => {
        if (this.#upstream !== upstream || this.#state === 'done') return;
        this.#upstream = null;
        if (this.#state === 'detecting') this.#waitForLateClient(cause, path);
        else this.#fail(cause, path);
      },
    );
  }

  #couple(path: BytePath, upstream: Socket): void {
    const { socket, observer } = this.#options;
    this.#state = 'done';
    upstream.off('readable', this.#onServerFirst);
    socket.off('close', this.#onClosed);
    const tunnel = createTunnel({
      downstream: socket,
      whole: this.#whole,
      upstream,
      onEnd: (end) => observer.onPassed(path, end),
    });
    observer.onPassing(path, tunnel);
  }

  /** As the client would have seen it from a server that is not there. */
  #fail(reason: string, path: BytePath | null): void {
    this.#state = 'done';
    this.#stopDetecting();
    this.#upstream?.giveUp();
    this.#options.socket.resetAndDestroy();
    this.#options.observer.onFailed(reason, path);
  }
}
