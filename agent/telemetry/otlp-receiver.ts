// An OTLP receiver in memory, for the local mesh and for tests: http/protobuf and http/json on POST /v1/traces, and
// grpc on a port of its own. Keeps the last traces and nothing else; metrics and logs it does not take.
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Server as GrpcServer, type MethodDefinition, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import type { Log } from '../observe/log.ts';
import { decodeTraceRequest, type ReceivedSpan } from './otlp-spans.ts';
import { type ReceivedTrace, TraceStore } from './trace-store.ts';

export interface OtlpReceiverOptions {
  readonly log: Log;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Of HTTP and of grpc; 0, the default, takes any free one. */
  readonly httpPort?: number;
  readonly grpcPort?: number;
  /** Traces that are kept. Default 200. */
  readonly maxTraces?: number;
  /** Told of each span as it comes. */
  readonly onSpan?: (span: ReceivedSpan) => void;
}

const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Of one trace, and of all. */
const MAX_SPANS_OF_TRACE = 1000;
const MAX_SPANS = 10_000;
const CLOSE_MS = 500;

interface ExportMethod extends ServiceDefinition {
  readonly Export: MethodDefinition<object, object> & ServiceDefinition[string];
}

export class OtlpReceiver {
  readonly #options: OtlpReceiverOptions;
  readonly #store: TraceStore;
  readonly #service = loadTraceService();
  readonly #http: HttpServer;
  readonly #grpc = new GrpcServer({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });

  constructor(options: OtlpReceiverOptions) {
    this.#options = options;
    this.#store = new TraceStore({
      maxTraces: options.maxTraces ?? 200,
      maxSpansOfTrace: MAX_SPANS_OF_TRACE,
      maxSpans: MAX_SPANS,
      now: Date.now,
    });
    this.#http = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        options.log('debug', 'an OTLP request could not be read', { reason: String(error) });
        response.destroy();
      });
    });
    const handle: UntypedHandleCall = (call: { request: unknown }, done: (error: null, response: object) => void) => {
      const rejected = this.#take(call.request);
      done(null, rejected === 0 ? {} : { partialSuccess: partialSuccess(rejected) });
    };
    this.#grpc.addService(this.#service, { Export: handle });
  }

  /** Rejects with one sentence where a port can't be had. */
  async listen(): Promise<{ readonly httpPort: number; readonly grpcPort: number }> {
    const { host = '127.0.0.1', httpPort = 0, grpcPort = 0 } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error): void => reject(new Error(`the OTLP receiver can't listen: ${error.message}`));
      this.#http.once('error', refuse);
      this.#http.listen({ host, port: httpPort, exclusive: true }, () => {
        this.#http.off('error', refuse);
        this.#http.on('error', (error) =>
          this.#options.log('warn', 'the OTLP receiver failed', { cause: String(error) }),
        );
        resolve();
      });
    });
    const boundGrpc = await new Promise<number>((resolve, reject) => {
      const address = host.includes(':') ? `[${host}]:${grpcPort}` : `${host}:${grpcPort}`;
      this.#grpc.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else this.#http.close(() => reject(new Error(`the OTLP receiver can't listen: ${error.message}`)));
      });
    });
    return { httpPort: (this.#http.address() as AddressInfo).port, grpcPort: boundGrpc };
  }

  /** Newest first. */
  traces(): ReceivedTrace[] {
    return this.#store.traces();
  }

  async close(): Promise<void> {
    const forced = setTimeout(() => this.#grpc.forceShutdown(), CLOSE_MS);
    await Promise.all([
      new Promise<void>((resolve) => {
        this.#http.close(() => resolve());
        this.#http.closeAllConnections();
      }),
      new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve())),
    ]);
    clearTimeout(forced);
  }

  /** Answers how many spans were no spans. */
  #take(request: unknown): number {
    const { spans, rejected } = decodeTraceRequest(request);
    for (const span of spans) {
      this.#store.add(span);
      this.#options.onSpan?.(span);
    }
    return rejected;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const end = (status: number, body: string | Buffer, type = 'text/plain'): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
      response.end(body);
    };
    if (request.url !== '/v1/traces') return end(404, 'OTLP traces go to /v1/traces\n');
    if (request.method !== 'POST') return end(405, 'OTLP traces are POSTed\n');
    const [type = ''] = (request.headers['content-type'] ?? '').split(';');
    const json = type.trim() === 'application/json';
    if (!json && type.trim() !== 'application/x-protobuf') {
      return end(415, 'application/x-protobuf or application/json\n');
    }
    const body = await readBody(request);
    if (body === null) {
      request.resume();
      return end(413, `at most ${MAX_REQUEST_BYTES} bytes\n`);
    }
    let decoded: unknown;
    try {
      decoded = json ? JSON.parse(body.toString()) : this.#service.Export.requestDeserialize(body);
    } catch (error) {
      return end(400, `not an ExportTraceServiceRequest: ${error instanceof Error ? error.message : error}\n`);
    }
    const rejected = this.#take(decoded);
    const answer = rejected === 0 ? {} : { partialSuccess: partialSuccess(rejected) };
    if (json) end(200, JSON.stringify(answer), 'application/json');
    else end(200, this.#service.Export.responseSerialize(answer), 'application/x-protobuf');
  }
}

function partialSuccess(rejected: number): object {
  return { rejectedSpans: rejected, errorMessage: `${rejected} spans have no trace id or no span id` };
}

/** Unzipped; null where it is too large, zipped or not. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > MAX_REQUEST_BYTES) return null;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (request.headers['content-encoding'] !== 'gzip') return body;
  try {
    return await promisify(gunzip)(body, { maxOutputLength: MAX_REQUEST_BYTES });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function loadTraceService(): ExportMethod {
  const folder = fileURLToPath(new URL('../../proto', import.meta.url));
  const definitions = loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto', {
    includeDirs: [folder],
    // Times are nanoseconds since the epoch, which a number holds only to a quarter of a microsecond: as text.
    longs: String,
    defaults: false,
    oneofs: false,
  });
  return definitions['opentelemetry.proto.collector.trace.v1.TraceService'] as ExportMethod;
}
