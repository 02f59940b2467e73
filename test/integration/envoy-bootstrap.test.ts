// An Envoy user starts the agent with the file that they have.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { plainMesh } from '../support/resources.ts';

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
  const warning = agent.lines.find(({ msg }) => msg === 'the bootstrap asks for what has no effect');
  t.like(warning, { field: 'layered_runtime: not supported' });
  client.close();
  await agent.stop();
  await controlPlane.close();
  await server.stop();
});
