// The server of a listener's own services, health and reflection. It is loaded only where a listener has some.
import type { Duplex } from 'node:stream';
import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { DescriptorIndex } from '../grpc/descriptor-index.ts';
import { status } from '../grpc/status.ts';
import { encodeHealth, encodeHealthList, type HealthBook, readHealthRequest } from './health-book.ts';
import { answerReflection } from './reflection-answers.ts';

export interface OwnServerOptions {
  /** `null`: it says nothing of its health. */
  readonly health: HealthBook | null;
  /** What reflection answers by, asked for each request; `null`: there is none. */
  readonly descriptors: () => DescriptorIndex | null;
}

export interface OwnServer {
  /** Serves a connection. */
  inject(connection: Duplex): void;
  close(): void;
}

const same = (bytes: Buffer): Buffer => bytes;

function method(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  const asItIs = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  return { path, requestStream, responseStream, ...asItIs };
}

const healthService = {
  Check: method('/grpc.health.v1.Health/Check', false, false),
  List: method('/grpc.health.v1.Health/List', false, false),
  Watch: method('/grpc.health.v1.Health/Watch', false, true),
};

export function createOwnServer({ health, descriptors }: OwnServerOptions): OwnServer {
  const server = new Server();
  if (health !== null) server.addService(healthService, healthHandlers(health));
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    server.addService({ ServerReflectionInfo: method(path, true, true) }, reflectionHandlers(descriptors));
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    inject: (connection) => injector.injectConnection(connection),
    close: () => {
      injector.destroy();
      server.forceShutdown();
    },
  };
}

type Failure = { readonly code: number; readonly details: string; readonly metadata: Metadata };

function failure(code: number, details: string): Failure {
  return { code, details, metadata: new Metadata() };
}

const unreadable = (error: unknown): Failure =>
  failure(status.INTERNAL, `the request cannot be read: ${String(error)}`);

function healthHandlers(health: HealthBook) {
  return {
    Check: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
      const service = serviceOf(call.request);
      const found = typeof service === 'string' ? health.of(service) : 'SERVICE_UNKNOWN';
      if (typeof service !== 'string') answer(service);
      else if (found !== 'SERVICE_UNKNOWN') answer(null, encodeHealth(found));
      else answer(failure(status.NOT_FOUND, `no route of this listener sends on calls of ${service}`));
    },
    List: (_call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
      answer(null, encodeHealthList(health.list()));
    },
    Watch: (call: ServerWritableStream<Buffer, Buffer>): void => {
      const service = serviceOf(call.request);
      if (typeof service !== 'string') {
        call.emit('error', service);
        return;
      }
      const stop = health.watch(service, {
        tell: (state) => call.write(encodeHealth(state)),
        end: () => call.emit('error', failure(status.UNAVAILABLE, 'the listener is draining')),
      });
      call.on('cancelled', stop);
    },
  };
}

function serviceOf(request: Buffer): string | Failure {
  try {
    return readHealthRequest(request);
  } catch (error) {
    return unreadable(error);
  }
}

function reflectionHandlers(descriptors: () => DescriptorIndex | null) {
  return {
    ServerReflectionInfo: (call: ServerDuplexStream<Buffer, Buffer>): void => {
      call.on('data', (request: Buffer) => {
        const index = descriptors();
        if (index === null) {
          call.emit('error', failure(status.UNIMPLEMENTED, 'this listener has no reflection of its own'));
          return;
        }
        try {
          // One who asks without reading is asked no more meanwhile.
          if (!call.write(answerReflection(index, request))) call.pause();
        } catch (error) {
          call.emit('error', unreadable(error));
        }
      });
      call.on('drain', () => call.resume());
      call.on('end', () => call.end());
    },
  };
}
