// A gRPC service of raw bytes with all four kinds of call, for tests that look at what a proxy does to a call. Messages
// are opaque buffers; what a server does is told by request metadata (see `startEchoServer`).
import * as grpc from '@grpc/grpc-js';

const identity = (bytes: Buffer): Buffer => bytes;

function method(path: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

export const ECHO_METHODS = {
  unary: method('/test.Echo/Unary', false, false),
  clientStream: method('/test.Echo/ClientStream', true, false),
  serverStream: method('/test.Echo/ServerStream', false, true),
  bidi: method('/test.Echo/Bidi', true, true),
};

export interface EchoServer {
  readonly port: number;
  /** Calls that reached it, by full method. */
  readonly calls: string[];
  /** Metadata of the last call. */
  lastMetadata: grpc.Metadata | null;
  /** Resolves when the next call that never answers (`x-hang`) ends all the same: by its client's cancel or deadline. */
  readonly cancelled: () => Promise<void>;
  stop(): Promise<void>;
  /** Resolves when the calls that are under way have ended. */
  end(): Promise<void>;
}

/**
 * Behaviour by request metadata: `x-fail: CODE` ends with that status, `details` (that of `x-message-bin` where there is
 * one) and trailers; `x-hang: 1` never answers; `x-count: N` makes a server stream of N messages; `x-early: 1` has a
 * stream of requests answered behind the first. Everything else is echoed, with `x-endpoint` naming the server in the headers and `x-trailer` in the trailers. `-bin` metadata comes back
 * under the same name. `port` 0 takes any free one.
 */
export async function startEchoServer(
  name = 'echo',
  port = 0,
  options: grpc.ServerOptions = {},
  host = '127.0.0.1',
): Promise<EchoServer> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': 64 * 1024 * 1024,
    'grpc.max_send_message_length': 64 * 1024 * 1024,
    ...options,
  });
  let onCancel: (() => void)[] = [];
  const calls: string[] = [];
  const self: EchoServer = {
    port: 0,
    calls,
    lastMetadata: null,
    cancelled: () =>
      new Promise((resolve) => {
        onCancel.push(resolve);
      }),
    stop: async () => server.forceShutdown(),
    end: () => new Promise((resolve, reject) => server.tryShutdown((error) => (error ? reject(error) : resolve()))),
  };

  /** Takes note of a call; answers the failure that its metadata asks for. */
  const begin = (path: string, call: ServedCall): Partial<grpc.StatusObject> | null => {
    calls.push(path);
    self.lastMetadata = call.metadata;
    // grpc-js says `cancelled` of each stream that closes, of one that was answered too.
    call.on('cancelled', () => {
      if (!hangs(call)) return;
      const waiting = onCancel;
      onCancel = [];
      for (const resolve of waiting) resolve();
    });
    const headers = new grpc.Metadata();
    headers.set('x-endpoint', name);
    for (const [key, value] of Object.entries(call.metadata.getMap())) {
      if (key.endsWith('-bin')) headers.set(key, value);
    }
    call.sendMetadata(headers);
    const fail = call.metadata.get('x-fail')[0];
    if (fail === undefined) return null;
    const details = `${call.metadata.get('x-message-bin')[0] ?? 'asked to fail: 100 % ünïcode'}`;
    return { code: Number(fail), details, metadata: trailers() };
  };
  const trailers = (): grpc.Metadata => {
    const metadata = new grpc.Metadata();
    metadata.set('x-trailer', name);
    metadata.set('x-trailer-bin', Buffer.from([0, 1, 254, 255]));
    return metadata;
  };
  const hangs = (call: { metadata: grpc.Metadata }): boolean => call.metadata.get('x-hang').length > 0;

  server.addService(
    ECHO_METHODS as unknown as grpc.ServiceDefinition,
    {
      unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        const failure = begin(ECHO_METHODS.unary.path, call);
        if (failure !== null) callback(failure);
        else if (!hangs(call)) callback(null, call.request, trailers());
      },
      clientStream: (call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        const failure = begin(ECHO_METHODS.clientStream.path, call);
        if (failure !== null) return callback(failure);
        const received: Buffer[] = [];
        if (call.metadata.get('x-early').length > 0) {
          call.once('data', (message: Buffer) => callback(null, message, trailers()));
          return;
        }
        call.on('data', (message: Buffer) => received.push(message));
        call.on('end', () => {
          if (!hangs(call)) callback(null, Buffer.concat(received), trailers());
        });
      },
      serverStream: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        const failure = begin(ECHO_METHODS.serverStream.path, call);
        if (failure !== null) return void call.emit('error', failure);
        let left = Number(call.metadata.get('x-count')[0] ?? 3);
        const more = (): void => {
          while (left > 0) {
            left--;
            if (!call.write(call.request)) return void call.once('drain', more);
          }
          if (!hangs(call)) call.end(trailers());
        };
        more();
      },
      bidi: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        const failure = begin(ECHO_METHODS.bidi.path, call);
        if (failure !== null) return void call.emit('error', failure);
        call.on('data', (message: Buffer) => call.write(message));
        call.on('end', () => {
          if (!hangs(call)) call.end(trailers());
        });
        call.on('error', () => {});
      },
    } as grpc.UntypedServiceImplementation,
  );
  const boundPort = await new Promise<number>((resolve, reject) => {
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return Object.assign(self, { port: boundPort });
}

/** What a call of any kind lets its server do. */
interface ServedCall {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** A client of the echo service through whatever listens on `port`, for that `:authority`. */
export class EchoClient extends grpc.Client {
  constructor(
    port: number,
    authority: string,
    options: grpc.ClientOptions = {},
    credentials = grpc.credentials.createInsecure(),
    target = `127.0.0.1:${port}`,
  ) {
    super(target, credentials, {
      'grpc.default_authority': authority,
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
      'grpc.max_send_message_length': 64 * 1024 * 1024,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      ...options,
    });
  }

  unary(message: Buffer, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}): Promise<UnaryResult> {
    return new Promise((resolve, reject) => {
      let headers = new grpc.Metadata();
      let final: grpc.StatusObject | null = null;
      const call = this.makeUnaryRequest(
        ECHO_METHODS.unary.path,
        identity,
        identity,
        message,
        metadata,
        options,
        (error, reply) => {
          if (error !== null) reject(error);
          else if (final === null) call.once('status', (status) => resolve({ reply: reply!, headers, status }));
          else resolve({ reply: reply!, headers, status: final });
        },
      );
      call.once('metadata', (received) => {
        headers = received;
      });
      call.once('status', (status) => {
        final = status;
      });
    });
  }

  clientStream(messages: readonly Buffer[], metadata = new grpc.Metadata()): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.makeClientStreamRequest(
        ECHO_METHODS.clientStream.path,
        identity,
        identity,
        metadata,
        {},
        (error, reply) => {
          if (error !== null) reject(error);
          else resolve(reply!);
        },
      );
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  serverStream(message: Buffer, metadata = new grpc.Metadata()): grpc.ClientReadableStream<Buffer> {
    return this.makeServerStreamRequest(ECHO_METHODS.serverStream.path, identity, identity, message, metadata);
  }

  /** A call that is under way: its first message has come back. It may break off later. */
  async openBidi(): Promise<{ call: grpc.ClientDuplexStream<Buffer, Buffer>; replies: AsyncIterator<Buffer> }> {
    const call = this.bidi();
    call.on('error', () => {});
    const replies = call[Symbol.asyncIterator]();
    call.write(Buffer.from('before'));
    const { value } = await replies.next();
    if (String(value) !== 'before') throw new Error(`the first message came back as ${value}`);
    return { call, replies };
  }

  bidi(metadata = new grpc.Metadata(), options: grpc.CallOptions = {}): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.makeBidiStreamRequest(ECHO_METHODS.bidi.path, identity, identity, metadata, options);
  }
}

export interface UnaryResult {
  readonly reply: Buffer;
  readonly headers: grpc.Metadata;
  readonly status: grpc.StatusObject;
}
