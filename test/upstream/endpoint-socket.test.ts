// Endpoints that may be reached only in a way which is not carried out; the others are held against Envoy in
// test/differential/transport-sockets.test.ts.
import http2 from 'node:http2';
import test from 'ava';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, plainMesh } from '../support/resources.ts';

const reason = 'transport_socket_matches[0].transport_socket.typed_config: x is not supported';
const labels = { tlsMode: '"istio"' };
const matched: Cluster = {
  ...cluster('app'),
  socketMatches: [{ name: 'mutual', labels, socket: { kind: 'unsupported', reason } }],
};

/** The endpoints of these ports, of which the first `labelled` have labels. */
function labelledEndpoints(ports: readonly number[], labelled: number): ClusterEndpoints {
  const plain = endpoints('app', ports);
  const [locality] = plain.localities;
  const own = locality!.endpoints.map((one, at) => (at < labelled ? { ...one, socketLabels: labels } : one));
  return { ...plain, localities: [{ ...locality!, endpoints: own }] };
}

test('an endpoint whose socket is not supported is never reached in another way, and the others take its calls', async (t) => {
  const seen: number[] = [];
  const servers = await Promise.all(
    [0, 1].map((at) =>
      startHttp2Endpoint((stream) => {
        seen.push(at);
        stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
      }),
    ),
  );
  const ports = servers.map(({ port }) => port);
  const plane = startDataPlane([
    ...plainMesh('app', 'inbound', ports),
    { type: 'endpoints', value: labelledEndpoints(ports, 1) },
    { type: 'cluster', value: matched },
  ]);
  const session = http2.connect(`http://127.0.0.1:${await plane.port('app')}`);
  t.teardown(async () => {
    session.destroy();
    plane.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });
  for (let n = 0; n < 4; n++) t.is((await call(session)).headers['grpc-status'], '0');
  t.deepEqual(seen, [1, 1, 1, 1]);

  plane.apply([{ type: 'endpoints', value: labelledEndpoints(ports, 2) }]);
  const { headers } = await call(session);
  t.is(headers['grpc-status'], '14');
  t.is(headers['grpc-message'], `app: no healthy upstream, 2 of its endpoints can't be reached: ${reason}`);
  t.is(seen.length, 4);

  plane.apply([{ type: 'cluster', value: cluster('app') }]);
  t.is((await call(session)).headers['grpc-status'], '0', 'a cluster without the match takes them back');
});
