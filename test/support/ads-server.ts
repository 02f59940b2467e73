// A scripted ADS server on loopback for accidents of the protocol: it says nothing by itself. A test reads each request
// and sends each response, in any order, well formed or not.
import { once } from 'node:events';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  type AnyMessage,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  loadProtos,
  type ResourceErrorMessage,
  type ResourceMessage,
} from '../../xds/protos.ts';

type Call = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;
type DeltaCall = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

export interface AdsServerOptions {
  /** 0: any free port. */
  readonly port?: number;
  /** Path of a socket file, in place of a port. */
  readonly socketFile?: string;
  readonly credentials?: ServerCredentials;
  /** Default: the state of the world only; a stream of the other mode ends with `refusal`. */
  readonly speaks?: readonly ('sotw' | 'delta')[];
  /** Default: UNIMPLEMENTED. */
  readonly refusal?: { readonly code: number; readonly details: string };
}

/** A request as received: every field is there. */
export type ReceivedRequest = Required<DiscoveryRequest>;
export type ReceivedDeltaRequest = Required<DeltaDiscoveryRequest>;

export class AdsServer {
  readonly #server: Server;
  readonly #streams = new Inbox<AdsServerStream>('stream');
  readonly #deltaStreams = new Inbox<AdsServerDeltaStream>('delta stream');
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(options: AdsServerOptions = {}): Promise<AdsServer> {
    const { port = 0, credentials = ServerCredentials.createInsecure(), speaks = ['sotw'] } = options;
    const { refusal = { code: 12, details: 'this mode is not spoken here' } } = options;
    const server = new Server({ 'grpc.max_send_message_length': -1 });
    server.addService(loadProtos().adsService, {
      StreamAggregatedResources: (call: Call) => {
        if (speaks.includes('sotw')) adsServer.#streams.put(new AdsServerStream(call));
        else call.emit('error', refusal);
      },
      DeltaAggregatedResources: (call: DeltaCall) => {
        if (speaks.includes('delta')) adsServer.#deltaStreams.put(new AdsServerDeltaStream(call));
        else call.emit('error', refusal);
      },
    });
    const bound = await new Promise<number>((resolve, reject) => {
      const address = options.socketFile === undefined ? `127.0.0.1:${port}` : `unix:${options.socketFile}`;
      server.bindAsync(address, credentials, (error, number) => (error ? reject(error) : resolve(number)));
    });
    const adsServer = new AdsServer(server, bound);
    return adsServer;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The next stream that a client opens, or has opened. */
  nextStream(): Promise<AdsServerStream> {
    return this.#streams.take();
  }

  nextDeltaStream(): Promise<AdsServerDeltaStream> {
    return this.#deltaStreams.take();
  }

  /** Whether a stream was opened that `nextStream` has not returned. */
  get hasStream(): boolean {
    return this.#streams.size > 0;
  }

  /** Breaks every connection. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

export class AdsServerStream {
  readonly #call: Call;
  readonly #requests = new Map<string, Inbox<ReceivedRequest>>();
  readonly #all = new Inbox<ReceivedRequest>('request');
  /** Every request so far, in order. */
  readonly log: ReceivedRequest[] = [];
  #nonce = 0;

  constructor(call: Call) {
    this.#call = call;
    call.on('data', (request: ReceivedRequest) => {
      this.log.push(request);
      this.#all.put(request);
      this.#inboxOf(request.type_url).put(request);
    });
    call.on('error', () => {});
  }

  /** The header of this name that the stream was opened with, `undefined` where there was none. */
  header(name: string): string | undefined {
    return this.#call.metadata.get(name)[0]?.toString();
  }

  /** The next request of any type. Do not mix with `nextOf`. */
  next(): Promise<ReceivedRequest> {
    return this.#all.take();
  }

  /** The next request of a type. */
  nextOf(typeUrl: string): Promise<ReceivedRequest> {
    return this.#inboxOf(typeUrl).take();
  }

  /** Requests of a type that `nextOf` has not returned. */
  pendingOf(typeUrl: string): number {
    return this.#inboxOf(typeUrl).size;
  }

  /** Sends a response; returns its nonce. */
  respond(
    typeUrl: string,
    version: string,
    resources: readonly AnyMessage[],
    errors: readonly ResourceErrorMessage[] = [],
  ): string {
    const nonce = `nonce-${++this.#nonce}`;
    const response = { type_url: typeUrl, version_info: version, nonce, resources, resource_errors: errors };
    this.#call.write(response);
    return nonce;
  }

  /** Ends the stream with a status; OK by default. */
  end(code = 0, details = ''): void {
    if (code === 0) this.#call.end();
    else this.#call.emit('error', { code, details });
  }

  /** The client has ended or broken the stream. */
  async closed(): Promise<void> {
    if (!this.#call.cancelled) await once(this.#call, 'cancelled');
  }

  #inboxOf(typeUrl: string): Inbox<ReceivedRequest> {
    let inbox = this.#requests.get(typeUrl);
    if (inbox === undefined) {
      inbox = new Inbox(`request of ${typeUrl}`);
      this.#requests.set(typeUrl, inbox);
    }
    return inbox;
  }
}

export class AdsServerDeltaStream {
  readonly #call: DeltaCall;
  readonly #requests = new Inbox<ReceivedDeltaRequest>('request');
  #nonce = 0;

  constructor(call: DeltaCall) {
    this.#call = call;
    call.on('data', (request: ReceivedDeltaRequest) => this.#requests.put(request));
    call.on('error', () => {});
  }

  next(): Promise<ReceivedDeltaRequest> {
    return this.#requests.take();
  }

  /** Requests that `next` has not returned. */
  get pending(): number {
    return this.#requests.size;
  }

  /** Sends a response; returns its nonce. */
  respond(
    typeUrl: string,
    resources: readonly ResourceMessage[],
    removed: readonly string[] = [],
    errors: readonly ResourceErrorMessage[] = [],
  ): string {
    const nonce = `nonce-${++this.#nonce}`;
    const content = { resources, removed_resources: removed, resource_errors: errors };
    this.#call.write({ type_url: typeUrl, system_version_info: 'any', nonce, ...content });
    return nonce;
  }

  /** Ends the stream with a status; OK by default. */
  end(code = 0, details = ''): void {
    if (code === 0) this.#call.end();
    else this.#call.emit('error', { code, details });
  }

  /** The client has ended or broken the stream. */
  async closed(): Promise<void> {
    if (!this.#call.cancelled) await once(this.#call, 'cancelled');
  }
}

/** What has arrived and was not taken, and who waits for more. */
class Inbox<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  constructor(what: string) {
    this.#what = what;
  }

  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  async take(): Promise<T> {
    const [first] = this.#items.splice(0, 1);
    if (first !== undefined) return first;
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => {
        this.#takers.splice(this.#takers.indexOf(taker), 1);
        reject(new Error(`no ${this.#what} came within 5 s`));
      }, 5000);
      const taker = (item: T) => {
        clearTimeout(timeout);
        resolve(item);
      };
      this.#takers.push(taker);
    });
  }
}
