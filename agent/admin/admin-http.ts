// The HTTP of an admin port: a table of paths over node:http, with the rules that hold for each of them. What changes
// something is POST and nothing else is. On a loopback address only a Host that is no DNS name but localhost is
// answered, and a POST from a page of another origin never is: a browser on this machine may be told to send anything.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIP } from 'node:net';
import { descriptorOf } from '../native/descriptor-of.ts';
import type { Log } from '../observe/log.ts';

export interface AdminRequest {
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export type AdminAnswer =
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly type: string;
      readonly body: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
      /** Runs once the answer is out. */
      readonly after?: () => void;
    }
  /** `open` writes as long as it likes, and ends the response or waits for its `close`. */
  | { readonly kind: 'stream'; readonly open: (response: ServerResponse) => void };

export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  /** For the list of paths. */
  readonly help: string;
  readonly answer: (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>;
}

export interface AdminHttpOptions {
  /** Empty: all addresses, IPv6 where there is any. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** What takes another port, for the message when this one can't be had. Default `--admin-port`. */
  readonly flag?: string;
  /** By path. */
  readonly routes: Readonly<Record<string, AdminRoute>>;
  /** GET of a path that is not in the table; `null`: there is none (404). */
  readonly fallback?: (request: AdminRequest) => Promise<AdminAnswer | null>;
  readonly log: Log;
}

const MAX_CONNECTIONS = 256;

export class AdminHttp {
  readonly #options: AdminHttpOptions;
  readonly #routes: ReadonlyMap<string, AdminRoute>;
  readonly #server: Server;
  readonly #onLoopback: boolean;

  constructor(options: AdminHttpOptions) {
    this.#options = options;
    this.#routes = new Map(Object.entries(options.routes));
    this.#onLoopback = isLoopback(options.host);
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * Answers the port. Rejects with one sentence where it can't be had.
   *
   * @param descriptor of a socket that listens on that port already; `null`: there is none.
   */
  listen(descriptor: number | null = null): Promise<number> {
    const { host, port, flag = '--admin-port' } = this.#options;
    const what = flag.slice(2).replace('-', ' ');
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => {
        const reason = error.code === 'EADDRINUSE' ? 'another process has it' : error.message;
        reject(new Error(`can't open the ${what} ${host}:${port}: ${reason}; ${flag} takes another`));
      };
      this.#server.once('error', refuse);
      const anew = { ...(host === '' ? {} : { host }), port, exclusive: true };
      this.#server.listen(descriptor === null ? anew : { fd: descriptor }, () => {
        this.#server.off('error', refuse);
        // A connection that could not be accepted, for want of file descriptors say.
        this.#server.on('error', (error) =>
          this.#options.log('warn', 'the admin port failed', { cause: String(error) }),
        );
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Of the listening socket; `null`: there is none. */
  get descriptor(): number | null {
    return descriptorOf(this.#server);
  }

  /** Takes no further connection; requests under way are answered. */
  release(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // No path reads a body.
    request.resume();
    response.on('error', () => {});
    let answer: AdminAnswer;
    try {
      answer = await this.#answer(request);
      if (response.destroyed) return;
      if (answer.kind === 'stream') {
        answer.open(response);
        return;
      }
    } catch (error) {
      this.#options.log('error', 'an admin request failed', { url: request.url, cause: String(error) });
      if (response.headersSent) {
        response.destroy();
        return;
      }
      answer = plain(500, `${error instanceof Error ? error.message : error}\n`);
    }
    if (answer.after !== undefined) response.once('close', answer.after);
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<AdminAnswer> {
    const { host, origin } = request.headers;
    if (this.#onLoopback && host !== undefined && !isLocalName(host)) {
      return plain(403, `this port answers to localhost and to IP addresses, not to '${host}'\n`);
    }
    const url = request.url ?? '/';
    if (!URL.canParse(url, 'http://admin')) return plain(400, 'the request has no sound path\n');
    const { pathname, searchParams } = new URL(url, 'http://admin');
    const asked: AdminRequest = { path: pathname, query: searchParams };
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = this.#routes.get(pathname);
    if (route === undefined) {
      const found = method === 'GET' ? await this.#options.fallback?.(asked) : null;
      return found ?? plain(404, `no ${pathname} here; there are:\n\n${formatRoutes(this.#options.routes)}`);
    }
    if (method !== route.method) {
      const refusal = plain(405, `${pathname} is ${route.method}: ${route.help}\n`);
      return { ...refusal, headers: { allow: route.method } };
    }
    if (method === 'POST' && origin !== undefined && !isSameOrigin(origin, host)) {
      return plain(403, `a page of ${origin} may not change anything here\n`);
    }
    return route.answer(asked);
  }
}

/** A line for each path. */
export function formatRoutes(routes: Readonly<Record<string, AdminRoute>>): string {
  const lines = Object.entries(routes).map(
    ([path, { method, help }]) => `${method.padEnd(4)} ${path.padEnd(18)} ${help}\n`,
  );
  return lines.join('');
}

export function plain(status: number, body: string): Extract<AdminAnswer, { kind: 'whole' }> {
  return { kind: 'whole', status, type: 'text/plain; charset=utf-8', body };
}

export function json(value: unknown): AdminAnswer {
  return { kind: 'whole', status: 200, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.');
}

/** A name that only DNS could lead here may belong to a stranger's page (DNS rebinding). */
function isLocalName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}
