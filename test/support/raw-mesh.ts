// A data plane between raw peers: a client and an endpoint that send exactly the bytes a test tells them to.
//
//   const mesh = await startRawMesh(t);
//   const client = await mesh.client();
//   client.send(headers(1, request()));
//   const upstream = await mesh.upstream();
//   await upstream.expect('HEADERS', 1);
import type { ExecutionContext } from 'ava';
import type { SamplingSettings } from '../../agent/link.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane, type TestDataPlane } from './data-plane.ts';
import { type Fields, flag, H2Peer, headers, request, settings, settingsAck } from './h2-peer.ts';
import { plainMesh } from './resources.ts';

type Setting = readonly [id: number, value: number];

export interface RawMesh {
  readonly plane: TestDataPlane;
  /** Where the data plane listens. */
  readonly port: number;
  /** A new client that has exchanged SETTINGS. */
  client(...own: readonly Setting[]): Promise<H2Peer>;
  /** The next connection that the data plane opens, with which SETTINGS have been exchanged. */
  upstream(...own: readonly Setting[]): Promise<H2Peer>;
  /** The same, to which nothing has been said yet. */
  silentUpstream(): Promise<H2Peer>;
}

/** Names of SETTINGS by number, for `client` and `upstream`. */
export const setting = { tableSize: 1, maxStreams: 3, initialWindow: 4, maxFrame: 5, maxHeaderList: 6 } as const;

/** `resources` are made for the endpoint's port; default: all calls go to it. */
export async function startRawMesh(
  t: ExecutionContext,
  resources: (endpointPort: number) => readonly ServingResource[] = (port) => plainMesh('echo', 'outbound', [port]),
  onStats: (stats: SharedArrayBuffer) => void = () => {},
  sampling?: SamplingSettings,
): Promise<RawMesh> {
  const endpoint = await H2Peer.listen();
  const plane = startDataPlane(resources(endpoint.port), sampling, onStats);
  const port = await plane.port('echo');
  const peers: H2Peer[] = [];
  const kept = (peer: H2Peer): H2Peer => {
    peers.push(peer);
    return peer;
  };
  t.teardown(() => {
    for (const { socket } of peers) socket.destroy();
    plane.stop();
    endpoint.close();
  });
  const silentUpstream = async (): Promise<H2Peer> => kept(await endpoint.next());
  return {
    plane,
    port,
    client: async (...own) => kept(await H2Peer.ready(port, ...own)),
    silentUpstream,
    upstream: async (...own) => {
      const peer = await silentUpstream();
      peer.send(settings(...own), settingsAck());
      return peer;
    },
  };
}

/** The value of that field, `undefined` without one. */
export function field(fields: Fields, name: string): string | undefined {
  return fields.find(([other]) => other === name)?.[1];
}

/** The values of all fields of that name, in their order. */
export function fieldsNamed(fields: Fields, name: string): string[] {
  return fields.filter(([other]) => other === name).map(([, value]) => value);
}

export const responseHead: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

/** A response's last frame: trailers that say OK. */
export function okTrailers(streamId: number): Buffer {
  return headers(streamId, [['grpc-status', '0']], flag.endStream);
}

/** A trailers-only response that says OK. */
export function okResponse(streamId: number): Buffer {
  return headers(streamId, [...responseHead, ['grpc-status', '0']], flag.endStream);
}

/** A mesh whose first call, on stream 1 of both peers, has been answered: all connections are there, and idle. */
export async function connectedMesh(t: ExecutionContext, ...own: readonly Setting[]) {
  const mesh = await startRawMesh(t);
  const client = await mesh.client(...own);
  client.send(headers(1, request(), flag.endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  upstream.send(okResponse(1));
  await client.expect('HEADERS', 1);
  return { mesh, client, upstream };
}
