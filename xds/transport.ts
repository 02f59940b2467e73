// The seam between the xDS protocol and the network, and its implementation with grpc-js.
import { readFileSync } from 'node:fs';
import { Client, connectivityState, type Metadata, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import type { ServerConfig } from './model/bootstrap.ts';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  loadProtos,
} from './protos.ts';
import { channelCredentials, streamMetadata, targetNameOptions } from './server-credentials.ts';

export interface Transport {
  /** The server, as logs name it. */
  readonly target: string;
  /**
   * Opens a connection and on it an ADS stream in state of the world. Never throws: what goes wrong ends the stream.
   * Events never come before this returns.
   */
  openSotw(events: StreamEvents<DiscoveryResponse>): TransportStream<DiscoveryRequest>;
  /** The same, incremental. */
  openDelta(events: StreamEvents<DeltaDiscoveryResponse>): TransportStream<DeltaDiscoveryRequest>;
}

export interface StreamEvents<Response> {
  /** The connection is up: what was sent is on its way. */
  onOpen(): void;
  onResponse(response: Response): void;
  /** The stream is over, once; no event follows. */
  onEnd(status: StreamStatus): void;
}

export interface TransportStream<Request> {
  /** Queued until the connection is up. */
  send(request: Request): void;
  /** Ends the stream and its connection; no event follows, not even `onEnd`. */
  close(): void;
  /** No further response is read until `resume`; one that has been read may still come. */
  pause?(): void;
  resume?(): void;
}

/** A gRPC status; `code` 0 is OK. */
export interface StreamStatus {
  readonly code: number;
  readonly details: string;
}

export interface GrpcTransportOptions {
  /** Which service is asked: the one of everything, or the one of secrets alone. Default `ads`. */
  readonly service?: 'ads' | 'secrets';
  /** Reads certificate and token files, for each connection anew, so that renewed ones count. */
  readonly readFile?: (path: string) => Buffer;
  /**
   * Idle time after which a ping asks whether the server is still there; default: what the
   * bootstrap says, else 5 minutes, the least that a server accepts which has no policy of its own (gRFC A8).
   */
  readonly keepaliveMs?: number;
  /** How long the answer to such a ping may take. Default 20 s. */
  readonly keepaliveTimeoutMs?: number;
}

/** Large meshes send more than gRPC's default of 4 MiB in one response; Consul's own limit is the same. */
const maxReceiveBytes = 50 * 1024 * 1024;
const defaultKeepaliveMs = 300_000;
const defaultKeepaliveTimeoutMs = 20_000;
const unavailable = 14;

/** A transport to `server` over grpc-js. Each stream has a connection of its own, so that we alone decide when to connect. */
export function createGrpcTransport(server: ServerConfig, options: GrpcTransportOptions = {}): Transport {
  const { readFile = readFileSync, keepaliveMs = server.keepaliveMs ?? defaultKeepaliveMs } = options;
  const { keepaliveTimeoutMs = defaultKeepaliveTimeoutMs } = options;
  const { adsService, sdsService } = loadProtos();
  const isSecrets = options.service === 'secrets';

  function open<Request, Response>(
    method: MethodDefinition<Request, Response>,
    events: StreamEvents<Response>,
  ): TransportStream<Request> {
    let client: Client;
    let metadata: Metadata;
    try {
      metadata = streamMetadata(server, readFile);
      client = new Client(server.serverUri, channelCredentials(server, readFile), {
        'grpc.max_receive_message_length': maxReceiveBytes,
        'grpc.keepalive_time_ms': keepaliveMs,
        'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_retries': 0,
        'grpc.service_config_disable_resolution': 1,
        ...targetNameOptions(server),
      });
    } catch (error) {
      return endedStream(events, error);
    }
    let isOver = false;
    const { path, requestSerialize, responseDeserialize } = method;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    const over = () => {
      isOver = true;
      client.close();
    };
    call.on('data', (response: Response) => {
      if (!isOver) events.onResponse(response);
    });
    // The status event says the same; without a listener the error would be thrown.
    call.on('error', (_: ServiceError) => {});
    call.on('status', (status) => {
      if (isOver) return;
      over();
      events.onEnd({ code: status.code, details: status.details });
    });
    watchReady(client, () => {
      if (!isOver) events.onOpen();
    });
    return {
      send(request) {
        if (!isOver) call.write(request);
      },
      close() {
        if (isOver) return;
        call.cancel();
        over();
      },
      pause: () => void call.pause(),
      resume: () => void call.resume(),
    };
  }

  return {
    target: server.serverUri,
    openSotw: (events) => open(isSecrets ? sdsService.StreamSecrets : adsService.StreamAggregatedResources, events),
    openDelta: (events) => open(isSecrets ? sdsService.DeltaSecrets : adsService.DeltaAggregatedResources, events),
  };
}

function watchReady(client: Client, onReady: () => void): void {
  const channel = client.getChannel();
  const look = () => {
    const state = channel.getConnectivityState(false);
    if (state === connectivityState.READY) onReady();
    else if (state !== connectivityState.SHUTDOWN) {
      channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
        // An error means that the channel was closed; the status of the call tells the rest.
        if (!error) look();
      });
    }
  };
  look();
}

/** A stream that could not even be tried. */
function endedStream<Response>(events: StreamEvents<Response>, error: unknown): TransportStream<unknown> {
  let isOver = false;
  queueMicrotask(() => {
    if (isOver) return;
    isOver = true;
    events.onEnd({ code: unavailable, details: error instanceof Error ? error.message : String(error) });
  });
  return {
    send() {},
    close() {
      isOver = true;
    },
  };
}
