// CSDS, asked by a real gRPC client, of a client in every state that a resource can be in (xds.md case 91, gRFC A40).
import { readFileSync } from 'node:fs';
import { Client, credentials, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { encodeClientConfigs } from '../../xds/client-config.ts';
import { toNodeMessage } from '../../xds/node-message.ts';
import {
  type ClientConfigMessage,
  type ClientStatusRequest,
  type ClientStatusResponse,
  loadProtos,
} from '../../xds/protos.ts';
import { ClientStatusServer } from '../../xds/server/client-status-server.ts';
import { bootstrapFor, type ClientHarness, startClient } from '../xds/client-harness.ts';
import { badCluster, cluster, endpoints, pack, typeUrls } from '../xds/messages.ts';

const { csdsService, unpack } = loadProtos();
const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

/** Serves what the client knows; answers a client of that service. */
async function askable(t: ExecutionContext, { client }: ClientHarness) {
  const node = toNodeMessage(bootstrapFor('').node, '1.2.3');
  const server = new ClientStatusServer((withContents) => encodeClientConfigs(node, client.statuses(), withContents));
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const asking = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.teardown(() => {
    asking.close();
    server.close();
  });
  const { FetchClientStatus: fetch, StreamClientStatus: stream } = csdsService;
  return {
    fetch: (request: ClientStatusRequest = {}): Promise<ClientStatusResponse> =>
      new Promise((resolve, reject) => {
        asking.makeUnaryRequest(
          fetch.path,
          fetch.requestSerialize,
          fetch.responseDeserialize,
          request,
          (error, found) => {
            if (error === null) resolve(found!);
            else reject(error);
          },
        );
      }),
    stream: () => asking.makeBidiStreamRequest(stream.path, stream.requestSerialize, stream.responseDeserialize),
  };
}

/** A client that has been told of a resource in each state. */
async function knowing(t: ExecutionContext): Promise<ClientHarness> {
  const harness = await startClient(t);
  const { server, watch, watchAll, clock } = harness;
  const all = watchAll('cluster');
  watch('endpoints', 'here');
  watch('endpoints', 'gone');
  const stream = await server.nextStream();
  await stream.next();
  const certificate = {
    certificate_chain: { inline_string: pem('client') },
    private_key: { inline_string: pem('client-key') },
  };
  const secure = {
    transport_socket: {
      name: 'tls',
      typed_config: pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
        common_tls_context: { tls_certificates: [certificate] },
      }),
    },
  };
  stream.respond(typeUrls.cluster, 'c1', [cluster('a', secure), cluster('b')]);
  stream.respond(typeUrls.cluster, 'c2', [
    cluster('a', { ...secure, connect_timeout: {} }),
    cluster('b'),
    badCluster('new'),
  ]);
  stream.respond(typeUrls.endpoints, 'e1', [endpoints('here', 1)]);
  await all.next(4);
  clock.advance(15_000);
  watch('endpoints', 'asked');
  return harness;
}

function summaryOf({ generic_xds_configs: configs }: ClientConfigMessage): string[] {
  return configs.map(({ type_url: url, name, client_status: state, version_info: version, error_state: error }) =>
    [url.slice(url.lastIndexOf('.') + 1), name, state, version, error?.version_info, error?.details]
      .join(' ')
      .trimEnd(),
  );
}

const problem = 'c2 connect_timeout: must be above 0';
const everything = [
  `Cluster a NACKED c1 ${problem}`,
  'Cluster b ACKED c2',
  `Cluster new NACKED  ${problem}`,
  'ClusterLoadAssignment asked REQUESTED',
  'ClusterLoadAssignment gone DOES_NOT_EXIST',
  'ClusterLoadAssignment here ACKED e1',
];

test('case 91: every resource with its state, its version, its content, and what was last wrong with it', async (t) => {
  const harness = await knowing(t);
  const { fetch } = await askable(t, harness);
  const { config } = await fetch();
  t.is(config.length, 1);
  const [own] = config;
  t.like(own, {
    client_scope: '',
    node: { id: 'test-node', user_agent_name: 'outrigger', user_agent_version: '1.2.3' },
  });
  t.deepEqual(summaryOf(own!), everything);
  const [a, b, fresh] = own!.generic_xds_configs;
  t.is(Number(a!.last_updated?.seconds) * 1000, harness.clock.now() - 15_000);
  t.like(unpack(b!.xds_config!), { typeName: 'envoy.config.cluster.v3.Cluster', message: { name: 'b' } });
  t.is(fresh!.xds_config, null);
  t.like(unpack(fresh!.error_state!.failed_configuration!), { message: { name: 'new' } });
});

test('case 91: private keys are masked, and what they are in can still be read', async (t) => {
  const { fetch } = await askable(t, await knowing(t));
  const [a] = (await fetch()).config[0]!.generic_xds_configs;
  for (const any of [a!.xds_config!, a!.error_state!.failed_configuration!]) {
    const { transport_socket: socket } = unpack(any)!.message as { transport_socket: { typed_config: typeof any } };
    const context = unpack(socket.typed_config)!.message as {
      common_tls_context: { tls_certificates: { private_key: object; certificate_chain: object }[] };
    };
    const [{ private_key: key, certificate_chain: chain } = { private_key: {}, certificate_chain: {} }] =
      context.common_tls_context.tls_certificates;
    t.like(chain, { inline_string: pem('client') });
    t.regex(JSON.stringify(key), /-----BEGIN [A-Z ]*PRIVATE KEY-----x{50,}-----END/);
  }
});

test('a stream answers each request, without contents where none are asked for', async (t) => {
  const { stream } = await askable(t, await knowing(t));
  const call = stream();
  const answers: ClientStatusResponse[] = [];
  const done = new Promise<void>((resolve) => call.on('end', () => resolve()));
  call.on('data', (answer: ClientStatusResponse) => answers.push(answer));
  call.write({ exclude_resource_contents: true });
  call.write({});
  call.end();
  await done;
  t.deepEqual(
    answers.map(({ config }) => summaryOf(config[0]!)),
    [everything, everything],
  );
  const held = answers.map(({ config }) =>
    config[0]!.generic_xds_configs.flatMap(({ xds_config: own, error_state: error }) =>
      [own, error?.failed_configuration].filter(Boolean),
    ),
  );
  t.deepEqual(
    held.map(({ length }) => length),
    [0, 5],
  );
});

test('a secret of which nobody knows what is in it is named, and not shown', async (t) => {
  const harness = await startClient(t);
  const secrets = ['generic', 'broken'].map((name) => harness.watch('secret', name));
  const stream = await harness.server.nextStream();
  await stream.next();
  const secret = (name: string, fields: object) =>
    pack('envoy.extensions.transport_sockets.tls.v3.Secret', { name, ...fields });
  stream.respond(typeUrls.secret, 's1', [
    secret('generic', { generic_secret: { secret: { inline_string: 'NOBODY-MAY-SEE-THIS' } } }),
    secret('broken', { tls_certificate: { private_key: { inline_string: 'NOBODY-MAY-SEE-THIS' } } }),
  ]);
  for (const watched of secrets) await watched.next();
  const { fetch } = await askable(t, harness);
  const { config } = await fetch();
  t.regex(summaryOf(config[0]!).join('\n'), /^Secret broken NACKED .*\nSecret generic ACKED s1$/);
  for (const { xds_config: own, error_state: error } of config[0]!.generic_xds_configs) {
    t.deepEqual([own, error?.failed_configuration ?? null], [null, null]);
  }
  t.false(JSON.stringify([harness.client.dump(), harness.logs]).includes('NOBODY-MAY-SEE-THIS'));
});

test('a request for other nodes is refused: a client knows of itself only', async (t) => {
  const { fetch } = await askable(t, await startClient(t));
  const error: unknown = await fetch({ node_matchers: [{}] }).catch((reason: unknown) => reason);
  t.like(error, { code: status.INVALID_ARGUMENT });
});
