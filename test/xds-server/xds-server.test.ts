// The embedded control plane over real sockets: many clients, each with its own node, some of them badly behaved.
import { on } from 'node:events';
import { createServer } from 'node:net';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import {
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  loadProtos,
} from '../../xds/protos.ts';
import { createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { cluster, clusterNames, endpoints } from './resources.ts';

const protos = loadProtos();
const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

interface Started {
  readonly server: XdsServer;
  readonly port: number;
  /** Waits for a line of the log that matches. */
  readonly logged: (pattern: RegExp) => Promise<string>;
}

async function start(t: ExecutionContext): Promise<Started> {
  const lines: string[] = [];
  let wake: () => void = () => {};
  const server = createXdsServer({
    log: (level, message) => {
      lines.push(`${level} ${message}`);
      wake();
    },
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  async function logged(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = lines.find((candidate) => pattern.test(candidate));
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return { server, port, logged };
}

/** A client that says only what it is told to. */
class RawClient {
  readonly #client: Client;
  readonly stream: ClientDuplexStream<DiscoveryRequest, DiscoveryResponse>;
  readonly #responses: DiscoveryResponse[] = [];
  readonly ended: Promise<number>;
  #wake: () => void = () => {};

  constructor(t: ExecutionContext, port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = protos.adsService.StreamAggregatedResources;
    this.stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream.on('data', (response: DiscoveryResponse) => {
      this.#responses.push(response);
      this.#wake();
    });
    this.stream.on('error', () => {});
    this.ended = new Promise((resolve) => this.stream.on('status', ({ code }) => resolve(code)));
    t.teardown(() => this.#client.close());
  }

  async next(): Promise<DiscoveryResponse> {
    while (this.#responses.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#responses.shift() ?? {};
  }

  /** Asks for all clusters as `node` and answers what comes. */
  async clusters(node: string): Promise<string[]> {
    this.stream.write({ node: { id: node }, type_url: clusterType });
    return await this.acknowledge();
  }

  async acknowledge(): Promise<string[]> {
    const response = await this.next();
    const { version_info = '', nonce = '' } = response;
    this.stream.write({ type_url: clusterType, version_info, response_nonce: nonce });
    return clusterNames(response);
  }
}

test('each node sees its own snapshot, and the others the default one', async (t) => {
  const { server, port, logged } = await start(t);
  server.setSnapshot('shop', [cluster('shop')]);
  server.setDefaultSnapshot([cluster('all')], []);
  t.deepEqual(await new RawClient(t, port).clusters('shop'), ['shop']);
  t.deepEqual(await new RawClient(t, port).clusters('stranger'), ['all']);
  await logged(/info node "stranger" is served as a client that is none of the agents/);
});

test('a new snapshot is pushed to every stream of its node and to no other', async (t) => {
  const { server, port } = await start(t);
  server.setSnapshot('shop', [cluster('one')]);
  server.setSnapshot('other', [cluster('other')]);
  const clients = [new RawClient(t, port), new RawClient(t, port)];
  for (const client of clients) t.deepEqual(await client.clusters('shop'), ['one']);
  const other = new RawClient(t, port);
  await other.clusters('other');

  server.setSnapshot('shop', [cluster('one'), cluster('two')]);
  for (const client of clients) t.deepEqual(await client.acknowledge(), ['one', 'two']);
  server.setSnapshot('other', [cluster('other'), cluster('new')]);
  t.deepEqual(await other.acknowledge(), ['new', 'other'], 'the first push it hears is its own');
});

test('a node whose snapshot is removed falls back to the default one', async (t) => {
  const { server, port } = await start(t);
  server.setSnapshot('shop', [cluster('shop')]);
  server.setDefaultSnapshot([cluster('all'), cluster('shop')], []);
  const client = new RawClient(t, port);
  await client.clusters('shop');
  server.removeSnapshot('shop');
  t.deepEqual(await client.acknowledge(), ['all', 'shop']);
});

test('versions say what is inside: equal snapshots have equal versions, in any order and on any server', async (t) => {
  async function versionOf(...names: string[]): Promise<string | undefined> {
    const { server, port } = await start(t);
    server.setSnapshot('shop', names.map(cluster));
    const client = new RawClient(t, port);
    client.stream.write({ node: { id: 'shop' }, type_url: clusterType });
    return (await client.next()).version_info;
  }
  t.is(await versionOf('a', 'b'), await versionOf('b', 'a'));
  t.not(await versionOf('a', 'b'), await versionOf('a'));
});

test('a rejection is logged in the words of the client, and shown', async (t) => {
  const { server, port, logged } = await start(t);
  server.setSnapshot('shop', [cluster('a')]);
  const client = new RawClient(t, port);
  client.stream.write({ node: { id: 'shop' }, type_url: clusterType });
  const { nonce = '', version_info } = await client.next();
  const message = 'a: lb_policy: not today';
  client.stream.write({ type_url: clusterType, response_nonce: nonce, error_detail: { code: 3, message } });
  await logged(/warn node "shop" rejected cluster version [0-9a-f]{16}: a: lb_policy: not today/);
  const [report] = server.clients();
  t.like(report, { node: 'shop', types: { cluster: { version: version_info, state: 'nacked', detail: message } } });
});

test('clients that leave, by an end or by a cut connection, are forgotten', async (t) => {
  const { server, port, logged } = await start(t);
  server.setSnapshot('ends', [cluster('a')]);
  server.setSnapshot('is cut', [cluster('a')]);
  const [ends, cut] = [new RawClient(t, port), new RawClient(t, port)];
  await ends.clusters('ends');
  await cut.clusters('is cut');
  t.is(server.clients().length, 2);
  ends.stream.end();
  cut.stream.cancel();
  await logged(/node "ends" disconnected/);
  await logged(/node "is cut" disconnected/);
  t.deepEqual(server.clients(), []);
  t.is(await ends.ended, 0);
});

test('a client that speaks delta gets its snapshot, and then what changed', async (t) => {
  const { server, port } = await start(t);
  server.setSnapshot('shop', [cluster('one')]);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.teardown(() => client.close());
  const { path, requestSerialize, responseDeserialize } = protos.adsService.DeltaAggregatedResources;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  stream.on('error', () => {});
  const responses = on(stream, 'data');
  async function next(): Promise<DeltaDiscoveryResponse> {
    const { value } = await responses.next();
    return value?.[0] ?? {};
  }
  stream.write({ node: { id: 'shop' }, type_url: clusterType });
  const first = await next();
  t.deepEqual(
    first.resources?.map(({ name }) => name),
    ['one'],
  );
  stream.write({ type_url: clusterType, response_nonce: first.nonce ?? '' });
  server.setSnapshot('shop', [cluster('one'), cluster('two')]);
  t.deepEqual(
    (await next()).resources?.map(({ name }) => name),
    ['two'],
  );
  t.like(server.clients(), [{ node: 'shop', types: { cluster: { state: 'awaiting' } } }]);
});

test('fifty clients that each get twenty pushes all end at the newest', async (t) => {
  const { server, port } = await start(t);
  server.setSnapshot('shop', [endpoints('a', 1), cluster('0')]);
  const clients = Array.from({ length: 50 }, () => new RawClient(t, port));
  await Promise.all(clients.map((client) => client.clusters('shop')));
  for (let push = 1; push <= 20; push++) server.setSnapshot('shop', [endpoints('a', push), cluster(String(push))]);
  await Promise.all(
    clients.map(async (client) => {
      while ((await client.acknowledge()).join() !== '20');
    }),
  );
  t.pass();
});

test('a port that is taken is one sentence with the address in it', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await t.throwsAsync(createXdsServer({ log: () => {} }).listen({ host: '127.0.0.1', port }), {
    message: `the control plane cannot listen on 127.0.0.1:${port}: another program has that port`,
  });
});

test('closing the server ends every stream', async (t) => {
  const { server, port } = await start(t);
  server.setSnapshot('shop', [cluster('a')]);
  const client = new RawClient(t, port);
  await client.clusters('shop');
  await server.close();
  t.not(await client.ended, 0);
});
