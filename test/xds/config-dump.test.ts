// What /config_dump shows (xds.md case 91): each resource with its state, its version, its value and what is wrong.
import test from 'ava';
import { startClient } from './client-harness.ts';
import { badCluster, cluster, endpoints, pack, typeUrls } from './messages.ts';

test('case 91: REQUESTED, DOES_NOT_EXIST, ACKED and NACKED, with versions, times and details', async (t) => {
  const { server, client, watch, watchAll, clock } = await startClient(t);
  const all = watchAll('cluster');
  watch('endpoints', 'here');
  watch('endpoints', 'gone');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'c1', [cluster('a', { lb_policy: 'CLUSTER_PROVIDED' }), cluster('b')]);
  stream.respond(typeUrls.cluster, 'c2', [badCluster('a'), cluster('b'), badCluster('new')]);
  stream.respond(typeUrls.endpoints, 'e1', [endpoints('here', 1)]);
  await all.next(4);
  await stream.nextOf(typeUrls.endpoints);
  await stream.nextOf(typeUrls.endpoints);
  clock.advance(15_000);
  watch('endpoints', 'asked');
  const start = new Date(clock.now() - 15_000).toISOString();
  const dump = client.dump();
  t.is(dump.server, server.address);
  t.true(dump.connected);
  const problem = 'connect_timeout: must be above 0';
  t.deepEqual(
    dump.clusters.map(({ value, ...rest }) => ({ ...rest, name: value?.name ?? rest.name })),
    [
      {
        name: 'a',
        state: 'NACKED',
        version: 'c1',
        origin: 'server',
        lastUpdated: start,
        warnings: ['lb_policy: CLUSTER_PROVIDED is not supported, round robin takes its place'],
        error: { version: 'c2', detail: problem, time: start },
      },
      { name: 'b', state: 'ACKED', version: 'c2', origin: 'server', lastUpdated: start, warnings: [], error: null },
      {
        name: 'new',
        state: 'NACKED',
        version: '',
        origin: null,
        lastUpdated: null,
        warnings: [],
        error: { version: 'c2', detail: problem, time: start },
      },
    ],
  );
  t.deepEqual(
    dump.endpoints.map(({ name, state }) => [name, state]),
    [
      ['asked', 'REQUESTED'],
      ['gone', 'DOES_NOT_EXIST'],
      ['here', 'ACKED'],
    ],
  );
  t.like(client.statuses()[0]?.counts.get(server.address)?.updates, {
    cluster: { valid: 3, invalid: 2 },
    endpoints: { valid: 1, invalid: 0 },
  });
  t.deepEqual(JSON.parse(JSON.stringify(dump)), dump, 'plain JSON');
});

test('case 91: a private key never appears in a dump or a log', async (t) => {
  const { server, client, watchAll, logs } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  const secret = 'NOBODY-MAY-SEE-THIS';
  const typeName = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
  const certificate = { certificate_chain: { inline_string: 'CERT' }, private_key: { inline_string: secret } };
  const socket = {
    name: 'tls',
    typed_config: pack(typeName, { common_tls_context: { tls_certificates: [certificate] } }),
  };
  stream.respond(typeUrls.cluster, 'v1', [
    cluster('a', { transport_socket: socket }),
    cluster('bad', { transport_socket: socket, connect_timeout: {} }),
  ]);
  await all.next(2);
  const text = JSON.stringify([client.dump(), logs]);
  t.false(text.includes(secret));
  t.true(text.includes('[redacted]') && text.includes('CERT'));
});
