// Envoy and the agent, given the same snapshot by one control plane, send the same calls to the same endpoints.
import http2 from 'node:http2';
import test from 'ava';
import type { LbPolicy } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { HashPolicy } from '../../xds/model/route.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';
import { besideEnvoy } from './beside-envoy.ts';

const policies: Readonly<Record<string, LbPolicy>> = {
  ring: { kind: 'ring-hash', minSize: 1_024, maxSize: 65_536, key: 'address' },
  maglev: { kind: 'maglev', tableSize: 65_537, key: 'address' },
};

const hashPolicies: readonly HashPolicy[] = [
  { kind: 'header', name: 'x-user', rewrite: { regex: '^v(\\d)-', replacement: '\\1/' }, terminal: false },
  { kind: 'cookie', name: 'sid', terminal: true },
  { kind: 'query-parameter', name: 'q', terminal: false },
];

/** Each with a weight and a hash key of its own, or its address where that is empty. */
function assignment(name: string, ports: readonly number[]): ClusterEndpoints {
  const plain = endpoints(name, ports);
  const localities = plain.localities.map((locality) => ({
    ...locality,
    endpoints: locality.endpoints.map((endpoint, at) => ({
      ...endpoint,
      weight: 1 + (at % 3),
      hashKey: at === 0 ? '' : `key-${9 - at}`,
    })),
  }));
  return { ...plain, localities };
}

function snapshot(ports: readonly number[]): ServingResource[] {
  const names = Object.keys(policies);
  return [
    ...names.flatMap((name): ServingResource[] => [
      { type: 'cluster', value: { ...cluster(name), lbPolicy: policies[name]! } },
      { type: 'endpoints', value: assignment(name, ports) },
    ]),
    {
      type: 'route',
      value: routeConfiguration('mesh', {
        '*': names.map((name) => route({ ...forward(name), hashPolicies }, { kind: 'prefix', value: `/${name}.` })),
      }),
    },
    { type: 'listener', value: listener('outbound', 'outbound', 'mesh') },
  ];
}

/** Which endpoint each of those calls met; what went wrong where it met none. */
async function endpointsMet(port: number, calls: readonly http2.OutgoingHttpHeaders[]): Promise<string[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const seen = await Promise.all(calls.map((headers) => call(session, headers)));
  session.destroy();
  return seen.map(
    ({ headers, code }) =>
      `${headers['x-endpoint'] ?? `none: ${headers['grpc-status']} ${headers['grpc-message']}, reset ${code}`}`,
  );
}

test('calls of one hash meet the same endpoint behind Envoy and behind the agent, by ring and by Maglev (10.1, 10.3, 10.4)', async (t) => {
  const servers = await Promise.all(
    [0, 1, 2, 3, 4].map((at) =>
      startHttp2Endpoint((stream) => {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0', 'x-endpoint': `${at}` },
          { endStream: true },
        );
      }),
    ),
  );
  const resources = snapshot(servers.map(({ port }) => port));
  t.teardown(() => Promise.all(servers.map((server) => server.stop())));
  const sides = await besideEnvoy(t, resources);
  if (sides === null) return;

  const calls = Array.from({ length: 300 }, (_, at): http2.OutgoingHttpHeaders => {
    const kinds: readonly http2.OutgoingHttpHeaders[] = [
      { 'x-user': `user-${at}` },
      { 'x-user': `v${at % 10}-${at}` },
      { 'x-user': [`b${at}`, `a${at}`] },
      { 'x-user': `u${at}`, cookie: `sid=${at}` },
      { cookie: `a=b; sid="${at}"; c=d` },
      { 'x-user': 'caf\u00e9', cookie: `sid=${at}` },
    ];
    const path = `/${at % 2 === 0 ? 'ring' : 'maglev'}.Orders/Place?q=${at % 7}`;
    return { ':path': path, ...kinds[Math.floor(at / 2) % kinds.length]! };
  });
  const byEnvoy = await endpointsMet(sides.envoyPort('outbound'), calls);
  const byAgent = await endpointsMet(await sides.agentPort('outbound'), calls);
  const met = calls.map((headers, at) => ({ headers, byEnvoy: byEnvoy[at], byAgent: byAgent[at] }));
  t.deepEqual(
    met.filter((one) => one.byEnvoy !== one.byAgent),
    [],
  );
  t.is(new Set(byEnvoy).size, servers.length);
});
