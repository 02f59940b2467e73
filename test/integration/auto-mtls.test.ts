// Auto mTLS as Istio configures it: endpoints say by their metadata that they take mutual TLS, inbound listeners choose
// their chain by the protocols that are offered, and both sides' secrets come from a static cluster called sds-grpc.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { anyConnection } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain } from '../../xds/model/listener.ts';
import type { Resource, ServingResource } from '../../xds/model/resource.ts';
import type { SecretReference, SubjectAltName, UpstreamTls } from '../../xds/model/tls.ts';
import { createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

const reference = (name: string): SecretReference => ({
  name,
  source: { kind: 'cluster', name: 'sds-grpc', mode: 'sotw' },
});
const secrets = { certificate: reference('default'), validation: reference('ROOTCA') };
const none = { certificateChainPem: null, privateKeyPem: null, trustedCaPem: null };
const spiffe = (kind: 'exact' | 'prefix', value: string): SubjectAltName => ({
  kind: 'any',
  match: { kind, value, ignoreCase: false },
});

/** PERMISSIVE: mutual TLS for those who offer `istio`, clear text for the others. */
function inbound(appPort: number): ServingResource[] {
  const plain = listener('in', 'inbound', '');
  const [base] = plain.filterChains;
  const peer = {
    name: 'x-peer',
    value: [{ kind: 'downstream-uri-san' }],
    action: 'overwrite',
    keepEmpty: true,
  } as const;
  const shown = { requestRemove: [], requestAdd: [], responseRemove: [], responseAdd: [peer] };
  const config = { ...routeConfiguration('in', { '*': [route(forward('app'))] }), mutations: shown };
  const http = { ...base!.http, routes: { kind: 'inline', config } } as const;
  const protocols = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
  const chains: FilterChain[] = [
    {
      name: 'mutual',
      match: { ...anyConnection, transportProtocol: 'tls', applicationProtocols: protocols },
      tls: {
        ...none,
        requireClientCertificate: true,
        subjectAltNames: [spiffe('prefix', 'spiffe://mesh.test/')],
        secrets,
      },
      http,
    },
    { name: 'clear', match: { ...anyConnection, transportProtocol: 'raw_buffer' }, tls: null, http },
  ];
  return [
    ...plainMesh('app', 'inbound', [appPort]).filter(({ type }) => type === 'cluster' || type === 'endpoints'),
    { type: 'listener', value: { ...plain, filterChains: chains } },
  ];
}

function outbound(inboundPort: number, isMutual: boolean): ServingResource[] {
  const tls: UpstreamTls = {
    ...none,
    sni: 'outbound_.80_._.echo',
    alpn: ['istio'],
    subjectAltNames: [spiffe('exact', 'spiffe://mesh.test/shop')],
    secrets,
  };
  const plain = endpoints('echo', [inboundPort]);
  const [locality] = plain.localities;
  const all = locality!.endpoints.map((one) => (isMutual ? { ...one, socketLabels: { tlsMode: '"istio"' } } : one));
  return [
    {
      type: 'cluster',
      value: {
        ...cluster('echo'),
        socketMatches: [
          { name: 'tlsMode-istio', labels: { tlsMode: '"istio"' }, socket: { kind: 'tls', tls } },
          { name: 'tlsMode-disabled', labels: {}, socket: { kind: 'clear' } },
        ],
      },
    },
    { type: 'endpoints', value: { ...plain, localities: [{ ...locality!, endpoints: all }] } },
    { type: 'route', value: routeConfiguration('out', { '*': [route(forward('echo'))] }) },
    { type: 'listener', value: listener('out', 'outbound', 'out') },
  ];
}

const workload: readonly Resource[] = [
  {
    type: 'secret',
    value: {
      kind: 'certificate',
      name: 'default',
      certificateChainPem: pem('client'),
      privateKeyPem: pem('client-key'),
    },
  },
  {
    type: 'secret',
    value: { kind: 'validation', name: 'ROOTCA', trustedCaPem: pem('ca'), subjectAltNames: [] },
  },
];

async function serverOf(t: ExecutionContext): Promise<{ readonly server: XdsServer; readonly port: number }> {
  const server = createXdsServer({ log: () => {} });
  t.teardown(() => server.close());
  return { server, port: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

/** An Envoy bootstrap, as the one of an Istio sidecar: the control plane, and who serves secrets. */
function bootstrapFile(t: ExecutionContext, xdsPort: number, sdsPort: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-mtls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const clusterOf = (name: string, port: number) => {
    const address = { socket_address: { address: '127.0.0.1', port_value: port } };
    return { name, load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } };
  };
  const file = join(folder, 'envoy.json');
  writeFileSync(
    file,
    JSON.stringify({
      node: { id: 'sidecar' },
      dynamic_resources: {
        ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }] },
        lds_config: { ads: {} },
        cds_config: { ads: {} },
      },
      static_resources: { clusters: [clusterOf('xds-grpc', xdsPort), clusterOf('sds-grpc', sdsPort)] },
    }),
  );
  return file;
}

test('control-planes.md 2.2: calls are mutual TLS between sidecars, and clear text to those who have none', async (t) => {
  const [app, ads, sds] = await Promise.all([startEchoServer(), serverOf(t), serverOf(t)]);
  ads.server.setSnapshot('sidecar', inbound(app.port));
  sds.server.setSnapshot('sidecar', workload);
  const args = ['-c', bootstrapFile(t, ads.port, sds.port)];
  const agent = await startAgentProcess({ xdsPort: ads.port, node: '', args });
  const inboundPort = await agent.listenerPort('in');
  const serve = (isMutual: boolean) =>
    ads.server.setSnapshot('sidecar', [...inbound(app.port), ...outbound(inboundPort, isMutual)]);
  serve(true);
  const client = new EchoClient(await agent.listenerPort('out'), 'echo');
  t.teardown(async () => {
    client.close();
    await agent.stop();
    await app.stop();
  });
  const peer = async () => {
    const { status, headers } = await client.unary(Buffer.from('x'));
    t.is(status.code, 0, status.details);
    return headers.get('x-peer')[0];
  };
  t.is(await peer(), 'spiffe://mesh.test/shop');
  serve(false);
  while ((await peer()) !== '');
  serve(true);
  while ((await peer()) === '');
});
