// A connection that the kernel redirected to us: told apart by its first bytes. HTTP/2 is served here; everything else is
// passed to where it was meant to go, byte by byte. Nobody is made to wait for it: where the client says nothing at once,
// the server is called meanwhile, and if that speaks first, it is none of ours.
import { connect, type Socket } from 'node:net';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { Log } from '../observe/log.ts';
import { type FirstBytes, readFirstBytes } from './client-hello.ts';

export interface PassthroughObserver {
  readonly onPassed: () => void;
  /** It could not be passed. */
  readonly onFailed: () => void;
  readonly log: Log;
}

export interface RedirectedOptions {
  readonly socket: Socket;
  readonly destination: SocketAddress;
  /** Asked where nothing listens at the destination: an application that listens on localhost only. */
  readonly fallback: SocketAddress | null;
  /** What becomes of a client that begins so; asked once. `bytes`: all so far, put back for whoever reads next. */
  readonly judge: (first: FirstBytes, bytes: Buffer) => RedirectedVerdict;
  readonly observer: PassthroughObserver;
}

export type RedirectedVerdict =
  | { readonly kind: 'serve'; readonly serve: () => void }
  | { readonly kind: 'pass' }
  /** A rule would have had a say in it that nobody can ask about these bytes. */
  | { readonly kind: 'refuse'; readonly reason: string };

/** Clients that speak first do so within this time, but for those far away, which lose nothing either. */
const SERVER_FIRST_MS = 10;

export function takeRedirected(options: RedirectedOptions): void {
  new Redirected(options).start();
}

class Redirected {
  readonly #options: RedirectedOptions;
  readonly #chunks: Buffer[] = [];
  #upstream: Socket | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** All that a client said that has ended its half already: no pipe will see that end any more. */
  #all: Buffer | null = null;
  #state: 'detecting' | 'passing' | 'done' = 'detecting';

  constructor(options: RedirectedOptions) {
    this.#options = options;
  }

  start(): void {
    const { socket } = this.#options;
    // Either side may end its half and go on listening.
    socket.allowHalfOpen = true;
    socket.on('readable', this.#look);
    socket.once('end', this.#onEarlyEnd);
    socket.once('close', this.#onClosed);
    this.#timer = setTimeout(() => this.#dial(), SERVER_FIRST_MS);
  }

  readonly #look = (): void => {
    const { socket, judge } = this.#options;
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) this.#chunks.push(chunk);
    const bytes = Buffer.concat(this.#chunks);
    const first = readFirstBytes(bytes);
    if (first.kind === 'incomplete' || mayBecomeHttp2(bytes)) return;
    this.#stopDetecting();
    socket.unshift(bytes);
    const verdict = judge(first, bytes);
    switch (verdict.kind) {
      case 'serve':
        this.#state = 'done';
        this.#upstream?.destroy();
        socket.off('close', this.#onClosed);
        socket.allowHalfOpen = false;
        verdict.serve();
        return;
      case 'pass':
        this.#pass();
        return;
      case 'refuse':
        this.#refuse(verdict.reason);
        return;
    }
  };

  readonly #onEarlyEnd = (): void => {
    this.#stopDetecting();
    const bytes = Buffer.concat(this.#chunks);
    const verdict = this.#options.judge({ kind: 'clear' }, bytes);
    if (verdict.kind !== 'pass') {
      this.#refuse(verdict.kind === 'refuse' ? verdict.reason : 'it ended before it began');
      return;
    }
    this.#all = bytes;
    this.#pass();
  };

  readonly #onClosed = (hadError: boolean): void => {
    clearTimeout(this.#timer);
    this.#finish();
    // What an orderly end has left to be sent is sent; anything else is passed on as a reset.
    if (hadError || this.#upstream?.writableEnded !== true) this.#upstream?.resetAndDestroy();
  };

  #refuse(reason: string): void {
    const { socket, destination, observer } = this.#options;
    this.#state = 'done';
    observer.onFailed();
    observer.log('info', 'a redirected connection was refused', { destination: formatAddress(destination), reason });
    socket.resetAndDestroy();
    this.#upstream?.destroy();
  }

  /** Once, however it ended. */
  #finish(): void {
    if (this.#state === 'passing') {
      this.#options.observer.log('debug', 'a connection was passed on', {
        destination: formatAddress(this.#options.destination),
        bytesUp: this.#upstream?.bytesWritten ?? 0,
        bytesDown: this.#upstream?.bytesRead ?? 0,
      });
    }
    this.#state = 'done';
  }

  #stopDetecting(): void {
    const { socket } = this.#options;
    clearTimeout(this.#timer);
    socket.off('readable', this.#look);
    socket.off('end', this.#onEarlyEnd);
  }

  #dial(address = this.#options.destination): void {
    const { fallback, observer, destination } = this.#options;
    const upstream = connect({ ...address, noDelay: true, allowHalfOpen: true });
    this.#upstream = upstream;
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#state === 'done' || this.#upstream !== upstream) return;
      if (error.code === 'ECONNREFUSED' && fallback !== null && address !== fallback) {
        this.#dial(fallback);
        return;
      }
      observer.onFailed();
      observer.log('debug', 'a redirected connection could not be passed on', {
        destination: formatAddress(destination),
        cause: error.code ?? error.message,
      });
      this.#state = 'done';
      // As the client would have seen it from the destination itself.
      this.#options.socket.resetAndDestroy();
    });
    upstream.once('connect', () => {
      if (this.#state === 'passing') this.#couple();
      else if (this.#state === 'detecting') upstream.once('readable', this.#onServerFirst);
    });
  }

  readonly #onServerFirst = (): void => {
    if (this.#state !== 'detecting') return;
    this.#stopDetecting();
    const bytes = Buffer.concat(this.#chunks);
    const verdict = this.#options.judge({ kind: 'clear' }, bytes);
    if (verdict.kind === 'refuse') {
      this.#refuse(verdict.reason);
      return;
    }
    if (bytes.length > 0) this.#options.socket.unshift(bytes);
    this.#pass();
  };

  #pass(): void {
    this.#state = 'passing';
    if (this.#upstream === null) this.#dial();
    else if (!this.#upstream.connecting) this.#couple();
  }

  #couple(): void {
    const { socket } = this.#options;
    const upstream = this.#upstream!;
    upstream.off('readable', this.#onServerFirst);
    this.#options.observer.onPassed();
    if (this.#all === null) socket.pipe(upstream);
    else upstream.end(this.#all);
    upstream.pipe(socket);
    upstream.once('close', (hadError) => {
      if (this.#upstream !== upstream || this.#state === 'done') return;
      this.#finish();
      if (hadError || !socket.writableEnded) socket.resetAndDestroy();
    });
  }
}

/** So little has come that it may be the beginning of HTTP/2's preface, or of POST. */
function mayBecomeHttp2(bytes: Buffer): boolean {
  return bytes.length < PREFACE_START.length && PREFACE_START.startsWith(bytes.toString('latin1'));
}

const PREFACE_START = 'PRI';
