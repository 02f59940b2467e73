// The embedded control plane: an ADS server (state of the world and delta) that serves each node its snapshot to any
// xDS client. It knows neither files nor meshes; whoever owns it sets the snapshots.
import { Server, type ServerDuplexStream } from '@grpc/grpc-js';
import type { ApiListener } from '../model/api-listener.ts';
import type { Resource, ResourceType } from '../model/resource.ts';
import { loadProtos, type NodeMessage } from '../protos.ts';
import { AdsSession } from './ads-session.ts';
import { bindServer } from './bind.ts';
import type { ClientSession, SessionHooks, TypeReport } from './client-session.ts';
import { DeltaSession } from './delta-session.ts';
import { compileSnapshot, type Snapshot } from './snapshot.ts';

type ServerLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export interface ClientReport {
  /** Node id; empty for a client that sent none. */
  readonly node: string;
  /** `host:port`. */
  readonly peer: string;
  readonly types: Partial<Record<ResourceType, TypeReport>>;
}

export interface XdsServer {
  /** Answers the bound port. Rejects with one sentence that names the address where that is not to be had. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>;
  /** What the node `nodeId` sees from now on. Connected clients get what changed. Throws as `compileSnapshot`. */
  setSnapshot(nodeId: string, resources: readonly Resource[]): void;
  /** What nodes without a snapshot of their own see. */
  setDefaultSnapshot(resources: readonly Resource[], apiListeners: readonly ApiListener[]): void;
  /** The node falls back to the default snapshot. */
  removeSnapshot(nodeId: string): void;
  clients(): readonly ClientReport[];
  /** Ends every stream and stops listening. */
  close(): Promise<void>;
}

interface Client {
  readonly session: Pick<ClientSession<never>, 'setSnapshot' | 'report'>;
  readonly peer: string;
  /** `null` until the first request. */
  node: string | null;
}

type CreateSession<Request, Response> = (hooks: SessionHooks<Response>) => ClientSession<Request>;

export function createXdsServer({ log }: { readonly log: ServerLog }): XdsServer {
  const protos = loadProtos();
  const snapshots = new Map<string, Snapshot>();
  const clients = new Set<Client>();
  let defaultSnapshot: Snapshot | null = null;
  // The same pings as Envoy's xDS clusters are usually given: a half-open connection is found within 40 s.
  const server = new Server({ 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 });
  server.addService(protos.adsService, {
    StreamAggregatedResources: serveBy((hooks) => new AdsSession(hooks)),
    DeltaAggregatedResources: serveBy((hooks) => new DeltaSession(hooks)),
  });
  server.addService(protos.sdsService, {
    StreamSecrets: serveBy((hooks) => new AdsSession(hooks)),
    DeltaSecrets: serveBy((hooks) => new DeltaSession(hooks)),
  });

  function snapshotOf(node: string): Snapshot | null {
    return snapshots.get(node) ?? defaultSnapshot;
  }

  function refresh(isConcerned: (node: string) => boolean): void {
    for (const { node, session } of clients) {
      if (node !== null && isConcerned(node)) session.setSnapshot(snapshotOf(node));
    }
  }

  function serveBy<Request extends { readonly node?: NodeMessage | null }, Response>(
    createSession: CreateSession<Request, Response>,
  ): (call: ServerDuplexStream<Request, Response>) => void {
    return (call) => serve(call, createSession);
  }

  function serve<Request extends { readonly node?: NodeMessage | null }, Response>(
    call: ServerDuplexStream<Request, Response>,
    createSession: CreateSession<Request, Response>,
  ): void {
    const session = createSession({
      send: (response) => call.write(response),
      onReject: ({ type, version, detail }) => {
        log('warn', `${nameOf(client)} rejected ${type} version ${version}: ${detail}`, { node: client.node, type });
      },
    });
    const client: Client = { session, peer: call.getPeer(), node: null };
    clients.add(client);

    call.on('data', (request: Request) => {
      // Only the first request of a stream has to say who asks.
      if (client.node === null) {
        client.node = request.node?.id ?? '';
        log('info', `${nameOf(client)} connected`, { node: client.node, peer: client.peer });
        if (!snapshots.has(client.node)) {
          log('info', `${nameOf(client)} is served as a client that is none of the agents`, { node: client.node });
        }
        session.setSnapshot(snapshotOf(client.node));
      }
      session.request(request);
    });
    function forget(): void {
      if (!clients.delete(client)) return;
      log('info', `${nameOf(client)} disconnected`, { node: client.node, peer: client.peer });
    }
    call.on('end', () => {
      forget();
      call.end();
    });
    call.on('cancelled', forget);
    call.on('error', forget);
  }

  return {
    listen: ({ host, port }) => bindServer(server, 'the control plane', host, port),
    setSnapshot(nodeId, resources) {
      snapshots.set(nodeId, compileSnapshot(resources, [], protos.pack));
      refresh((node) => node === nodeId);
    },
    setDefaultSnapshot(resources, apiListeners) {
      defaultSnapshot = compileSnapshot(resources, apiListeners, protos.pack);
      refresh((node) => !snapshots.has(node));
    },
    removeSnapshot(nodeId) {
      if (snapshots.delete(nodeId)) refresh((node) => node === nodeId);
    },
    clients: () =>
      [...clients].flatMap(({ node, peer, session }) =>
        node === null ? [] : [{ node, peer, types: session.report() }],
      ),
    async close() {
      server.forceShutdown();
      clients.clear();
    },
  };
}

function nameOf({ node, peer }: Client): string {
  return node === null || node === '' ? `the client at ${peer}` : `node "${node}"`;
}
