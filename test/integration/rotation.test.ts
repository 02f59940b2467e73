// Connections that grow too old, on both sides at once, under a real gRPC client (http2.md section 2, cases 99 and 125).
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { plainMesh } from '../support/resources.ts';

const life: ConnectionLife = { keepalive: null, idleTimeoutMs: null, maxDurationMs: 200 };
const wantedRotations = 6;
const atOnce = 8;

/** The same with connections that live for 200 ms: grpc-js gives up a call that two of them refused one after the other. */
function shortLived(resource: ServingResource): ServingResource {
  if (resource.type === 'cluster') return { ...resource, value: { ...resource.value, connectionLife: life } };
  if (resource.type !== 'listener') return resource;
  const filterChains = resource.value.filterChains.map((chain) => ({
    ...chain,
    http: { ...chain.http, connectionLife: life },
  }));
  return { ...resource, value: { ...resource.value, filterChains } };
}

test('cases 99 and 125: a grpc-js client loses no call while the agent replaces its connections all the time', async (t) => {
  const reader = new StatsReader();
  const server = await startEchoServer();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [server.port]).map(shortLived), undefined, (stats) =>
    reader.addWorker(0, stats),
  );
  // It may begin a call between the GOAWAY that its codec reads and the one that it hears of: that call never leaves the
  // client, which makes it again by itself (gRFC A6, transparent retry).
  const client = new EchoClient(await plane.port('echo'), 'echo', { 'grpc.enable_retries': 1 });
  let read = 0;
  const rotations = (role: string): number => {
    for (; read < plane.ups.length; read++) {
      const up = plane.ups[read]!;
      if (up.kind === 'stats-row') reader.addRow(0, up.row);
    }
    const row = reader.rows().find(({ labels }) => labels['limit'] === 'maxConnectionAgeMs' && labels['role'] === role);
    return row?.values[0] ?? 0;
  };
  let calls = 0;
  const work = async (): Promise<void> => {
    while (rotations('server') < wantedRotations || rotations('client') < wantedRotations) {
      const body = Buffer.alloc(calls % 5000, calls);
      const { reply, status } = await client.unary(body);
      t.is(status.code, grpc.status.OK);
      t.true(reply.equals(body));
      calls++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  t.true(calls > 2 * wantedRotations, `${calls} calls`);
  client.close();
  plane.stop();
  await server.stop();
});
