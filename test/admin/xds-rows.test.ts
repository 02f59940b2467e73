// The metrics of an xDS client by name and label (gRFC A78), from a client that has been through something.
import test from 'ava';
import { formatPrometheus } from '../../agent/admin/prometheus-text.ts';
import { xdsRows } from '../../agent/admin/xds-rows.ts';
import { startClient } from '../xds/client-harness.ts';
import { badCluster, cluster, typeUrls } from '../xds/messages.ts';
import { parsePrometheus } from './prometheus-parser.ts';

test('gRFC A78: connection, failures, updates and resources, each with its labels', async (t) => {
  const { server, client, watch, watchAll, clock } = await startClient(t);
  const samples = () => {
    const text = formatPrometheus(xdsRows(client.statuses()));
    parsePrometheus(text);
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  };
  const at = `grpc_target="#server",grpc_xds_server="${server.address}"`;
  t.deepEqual(samples(), [`grpc_xds_client_connected{${at}} 0`, `grpc_xds_client_server_failure_total{${at}} 0`]);

  const all = watchAll('cluster');
  watch('endpoints', 'asked');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'c1', [cluster('a'), cluster('b')]);
  stream.respond(typeUrls.cluster, 'c2', [badCluster('a'), cluster('b'), badCluster('new')]);
  await all.next(4);
  const [clusterType, endpointsType] = ['cluster.v3.Cluster', 'endpoint.v3.ClusterLoadAssignment'];
  const updates = `${at},grpc_xds_resource_type="envoy.config.${clusterType}"`;
  const held = (state: string, type: string) =>
    `grpc_xds_client_resources{grpc_target="#server",grpc_xds_authority="#old",grpc_xds_cache_state="${state}",` +
    `grpc_xds_resource_type="envoy.config.${type}"} 1`;
  t.deepEqual(samples(), [
    `grpc_xds_client_connected{${at}} 1`,
    `grpc_xds_client_server_failure_total{${at}} 0`,
    `grpc_xds_client_resource_updates_valid_total{${updates}} 3`,
    `grpc_xds_client_resource_updates_invalid_total{${updates}} 2`,
    held('nacked_but_cached', clusterType),
    held('acked', clusterType),
    held('nacked', clusterType),
    held('requested', endpointsType),
  ]);
  await stream.nextOf(typeUrls.endpoints);
  clock.advance(15_000);
  t.true(samples().includes(held('does_not_exist', endpointsType)));
});
