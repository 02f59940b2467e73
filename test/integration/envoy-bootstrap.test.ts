// An Envoy user starts the agent with the file that they have.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, forward, plainMesh, route, routeConfiguration } from '../support/resources.ts';

test('an Envoy bootstrap in YAML leads to the control plane, and what has no effect is logged', async (t) => {
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('shop-1', plainMesh('echo', 'outbound', [server.port]));
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-envoy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'envoy.yaml');
  await writeFile(
    file,
    `
node: { id: shop-1, cluster: shop }
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    grpc_services: [{ envoy_grpc: { cluster_name: xds } }]
  lds_config: { ads: {}, resource_api_version: V3 }
  cds_config: { ads: {}, resource_api_version: V3 }
static_resources:
  clusters:
    - name: xds
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: xds
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${xdsPort} } } }
layered_runtime: {}
`,
  );
  const agent = await startAgentProcess({ xdsPort: 0, node: 'another', args: ['-c', file] });
  const client = new EchoClient(await agent.listenerPort('echo'), 'echo');
  t.is((await client.unary(Buffer.from('hello'))).reply.toString(), 'hello');
  const warning = agent.lines.find(({ msg }) => msg === 'the configuration file says what has no effect');
  t.like(warning, { field: `${file}: layered_runtime: not supported` });
  client.close();
  await agent.stop();
  await controlPlane.close();
  await server.stop();
});

const manager = (routes: string): string => `
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: static
                http_filters:
                  - name: router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                ${routes}`;

const listener = (name: string, routes: string): string => `
    - name: ${name}
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }${manager(routes)}`;

const alone =
  'route_config: { name: own, virtual_hosts: [{ name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: clash } }] }] }';

const inline = `route_config: { name: own, virtual_hosts: [{ name: all, domains: ["*"], routes: [
                  { match: { prefix: / , headers: [{ name: x-to, string_match: { exact: far } }] }, route: { cluster: far } },
                  { match: { prefix: / , headers: [{ name: x-to, string_match: { exact: cds } }] }, route: { cluster: echo } },
                  { match: { prefix: / }, route: { cluster: clash } }] }] }`;

const rds = 'rds: { route_config_name: by-rds, config_source: { ads: {}, resource_api_version: V3 } }';

function bothHalves(xdsPort: number, ownPort: number, listeners: string): string {
  const at = (port: number) =>
    `[{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }]`;
  return `
node: { id: both, cluster: shop }
dynamic_resources:
  ads_config: { api_type: DELTA_GRPC, grpc_services: [{ envoy_grpc: { cluster_name: xds } }] }
  lds_config: { ads: {} }
  cds_config: { ads: {} }
static_resources:
  clusters:
    - { name: xds, type: STATIC, load_assignment: { cluster_name: xds, endpoints: ${at(xdsPort)} } }
    - { name: clash, type: STATIC, load_assignment: { cluster_name: clash, endpoints: ${at(ownPort)} } }
    - { name: far, type: EDS, eds_cluster_config: { service_name: far-endpoints, eds_config: { ads: {} } } }
  listeners:${listeners}
`;
}

test('what is static serves beside what the control plane sends, and goes before it', async (t) => {
  const [own, far, sent] = await Promise.all(['own', 'far', 'sent'].map((name) => startEchoServer(name)));
  if (own === undefined || far === undefined || sent === undefined) throw new Error('no servers');
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('both', [
    ...plainMesh('echo', 'outbound', [sent.port]),
    { type: 'cluster', value: cluster('clash') },
    { type: 'endpoints', value: endpoints('clash', [sent.port]) },
    { type: 'endpoints', value: endpoints('far-endpoints', [far.port]) },
    { type: 'route', value: routeConfiguration('by-rds', { '*': [route(forward('far'))] }) },
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-envoy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'envoy.yaml');
  const first = listener('own', inline);
  await writeFile(file, bothHalves(xdsPort, own.port, first));
  const agent = await startAgentProcess({ xdsPort: 0, node: 'another', args: ['-c', file] });
  const callAt = async (name: string, to = '') => {
    const client = new EchoClient(await agent.listenerPort(name), 'echo');
    const metadata = new Metadata();
    metadata.set('x-to', to);
    const { headers } = await client.unary(Buffer.from('hello'), metadata);
    client.close();
    return headers.get('x-endpoint')[0];
  };
  await agent.line(
    ({ msg, type }) => msg.startsWith('the control plane sends what the file has') && type === 'cluster',
  );
  t.is(await callAt('echo'), 'sent', 'a listener of the control plane');
  t.is(await callAt('own'), 'own', 'a static listener and cluster, whose name the control plane has too');
  t.is(await callAt('own', 'far'), 'far', 'a static cluster whose endpoints come by EDS');
  t.is(await callAt('own', 'cds'), 'sent', 'a static listener, and a cluster of the control plane');
  t.is((await agent.get('/ready')).status, 200);

  await writeFile(file, bothHalves(xdsPort, own.port, first + listener('late', rds)));
  t.is(await callAt('late'), 'far', 'a static listener that a save adds, whose routes come by RDS');
  t.is(await callAt('echo'), 'sent', 'the save changes nothing of the control plane');

  await agent.stop();
  await controlPlane.close();
  await Promise.all([own, far, sent].map((server) => server.stop()));
});

test('what is static serves while the control plane is away, and the agent is not ready', async (t) => {
  const own = await startEchoServer('own');
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-envoy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'envoy.yaml');
  await writeFile(file, bothHalves(1, own.port, listener('own', alone)));
  const agent = await startAgentProcess({ xdsPort: 0, node: 'another', args: ['-c', file] });
  const client = new EchoClient(await agent.listenerPort('own'), 'echo');
  t.is((await client.unary(Buffer.from('hello'))).reply.toString(), 'hello');
  const { status, text } = await agent.get('/ready');
  t.is(status, 503);
  t.regex(text, /the control plane has not been reached yet/);
  client.close();
  await agent.stop();
  await own.stop();
});
