// What attacks are played at: a data plane in this process before an endpoint that answers, holds, or sends a lot, and an
// innocent client whose calls must go on.
import { connect } from 'node:http2';
import type { ExecutionContext } from 'ava';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts';
import type { Fields } from '../support/h2-peer.ts';
import { call, type Http2Endpoint, startHttp2Endpoint } from '../support/http2-call.ts';
import { plainMesh } from '../support/resources.ts';
import { BULK, HOLD } from './flood.ts';

const BULK_BYTES = 65_536;

/**
 * Answers unary calls when their request has ended, never those to HOLD, and BULK with 64 KiB.
 * @param onRequest is told the fields of each; those of one name are joined as node:http2 does it.
 */
export function startAttackedEndpoint(onRequest: (fields: Fields) => void = () => {}): Promise<Http2Endpoint> {
  return startHttp2Endpoint((stream, headers) => {
    const path = headers[':path'];
    onRequest(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    if (path === HOLD) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (path === BULK) stream.end(Buffer.alloc(BULK_BYTES, 1));
    else stream.resume().on('end', () => stream.end(Buffer.alloc(5)));
  });
}

export interface Target {
  readonly plane: TestDataPlane;
  readonly port: number;
  /** How often that limit was counted, in both roles. */
  hits(limit: string): number;
  /** A call of the innocent client, on its one connection of before the attack; answers its grpc-status. */
  innocentCall(path?: string): Promise<string | undefined>;
  /** Lines of the log at `error`: there must be none, whatever comes. */
  errors(): readonly unknown[];
}

export async function startTarget(t: ExecutionContext): Promise<Target> {
  const endpoint = await startAttackedEndpoint();
  return startTargetBefore(t, [endpoint.port], () => endpoint.stop());
}

/** The same before endpoints of the test's own. */
export function startTargetBefore(
  t: ExecutionContext,
  endpointPorts: readonly number[],
  stopEndpoints: () => unknown,
): Promise<Target> {
  return startTargetWith(t, plainMesh('app', 'inbound', endpointPorts), stopEndpoints);
}

/** The same in a mesh of the test's own, whose listener is called `app`. */
export async function startTargetWith(
  t: ExecutionContext,
  resources: readonly ServingResource[],
  stopEndpoints: () => unknown,
): Promise<Target> {
  const reader = new StatsReader();
  const plane = startDataPlane(resources, undefined, (stats) => reader.addWorker(0, stats));
  const port = await plane.port('app');
  const innocent = connect(`http://127.0.0.1:${port}`);
  innocent.on('error', () => {});
  t.teardown(async () => {
    innocent.destroy();
    plane.stop();
    await stopEndpoints();
  });
  return {
    plane,
    port,
    hits: (limit) => {
      for (const up of plane.ups) if (up.kind === 'stats-row') reader.addRow(0, up.row);
      const rows = reader.rows().filter(({ labels }) => labels['limit'] === limit);
      return rows.reduce((sum, { values }) => sum + (values[0] ?? 0), 0);
    },
    innocentCall: async (path) => {
      const { trailers, headers } = await call(innocent, path === undefined ? {} : { ':path': path });
      return String(trailers?.['grpc-status'] ?? headers['grpc-status']);
    },
    errors: () => plane.ups.filter((up) => up.kind === 'log' && up.level === 'error'),
  };
}
