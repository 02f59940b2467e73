// Habits of servers that a client has to live with, in both modes (xds.md cases 64, 88, 90, 92, 93).
import { connect, createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createGrpcTransport, type StreamEvents, type Transport } from '../../xds/index.ts';
import { AdsServer } from '../support/ads-server.ts';
import { bootstrapFor, startClient } from './client-harness.ts';
import { converse, modes } from './conversation.ts';
import { badCluster, cluster, endpoints, typeUrls } from './messages.ts';

/** A way to the server on which everything can fall silent, and nothing is closed. */
async function startProxy(t: ExecutionContext, port: number): Promise<{ readonly address: string; freeze(): void }> {
  const sockets: Socket[] = [];
  const proxy: Server = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    sockets.push(client, server);
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server);
    server.pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  const bound = proxy.address();
  return {
    address: `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    freeze() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
  };
}

/** The same transport, which says when a response has come. */
function noticing(transport: Transport, notice: () => void): Transport {
  function watch<Response>(events: StreamEvents<Response>): StreamEvents<Response> {
    return {
      onOpen: () => events.onOpen(),
      onEnd: (status) => events.onEnd(status),
      onResponse: (response) => {
        notice();
        events.onResponse(response);
      },
    };
  }
  return {
    target: transport.target,
    openSotw: (events) => transport.openSotw(watch(events)),
    openDelta: (events) => transport.openDelta(watch(events)),
  };
}

for (const mode of modes) {
  test(`case 64 in ${mode}: a connection on which nothing moves any more is found by its pings, and nothing is lost`, async (t) => {
    const server = await AdsServer.start({ speaks: [mode] });
    t.teardown(() => server.stop());
    const proxy = await startProxy(t, server.port);
    const { watch, client } = await startClient(t, {
      mode,
      bootstrap: bootstrapFor(proxy.address),
      transport: (config) => createGrpcTransport(config, { keepaliveMs: 100, keepaliveTimeoutMs: 200 }),
    });
    const a = watch('endpoints', 'a');
    const next = async () => {
      const stream = mode === 'sotw' ? await server.nextStream() : await server.nextDeltaStream();
      await stream.next();
      return stream;
    };
    const first = await next();
    if ('nextOf' in first) first.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
    else first.respond(typeUrls.endpoints, [{ name: 'a', version: '1', resource: endpoints('a', 1) }]);
    await a.next();
    proxy.freeze();
    await next();
    t.deepEqual(a.events, ['changed a']);
    t.is(client.dump().endpoints[0]?.state, 'ACKED');
  });

  test(`case 88 in ${mode}: watchers are through with a response before the next one is looked at, of whatever type`, async (t) => {
    const { harness, respond, asked } = await converse(t, mode);
    const said: string[] = [];
    const slow = (name: string) => ({
      onChanged: () => {
        said.push(`begin ${name}`);
        // As long as it works, nothing else happens.
        for (const end = performance.now() + 20; performance.now() < end; );
        said.push(`end ${name}`);
      },
      onAbsent() {},
      onError() {},
    });
    harness.client.watch('cluster', 'a', slow('a'));
    harness.client.watch('endpoints', 'b', slow('b'));
    await Promise.all([asked(), asked()]);
    await Promise.all([
      respond(typeUrls.cluster, { resources: { a: cluster('a') } }),
      respond(typeUrls.endpoints, { resources: { b: endpoints('b', 1) } }),
      respond(typeUrls.cluster, { resources: { a: cluster('a', { lb_policy: 'RANDOM' }) } }),
    ]);
    t.deepEqual(said, ['begin a', 'end a', 'begin b', 'end b', 'begin a', 'end a']);
  });

  test(`case 90 in ${mode}: while thousands of clusters are taken in, other things have their turns`, async (t) => {
    let isHere = false;
    const { harness, respond, asked } = await converse(t, mode, {
      transport: (server) =>
        noticing(createGrpcTransport(server), () => {
          isHere = true;
        }),
    });
    const all = harness.watchAll('cluster');
    await asked();
    const names = Array.from({ length: 4000 }, (_, n) => `outbound|80||service-${n}.namespace.svc.cluster.local`);
    const clusters = names.map((name) => [name, cluster(name)] as const);
    let turns = 0;
    let isOver = false;
    const turn = () => {
      if (isOver) return;
      // Of the turns, those in which the client has the whole response and is not through with it.
      if (isHere && all.events.length === 0) turns += 1;
      setImmediate(turn);
    };
    setImmediate(turn);
    const answer = await respond(typeUrls.cluster, { resources: Object.fromEntries(clusters) }).finally(() => {
      isOver = true;
    });
    t.is(answer, null);
    t.is(harness.client.dump().clusters.length, 4000);
    t.true(turns >= 5, `${turns} turns`);
  });

  test(`case 92 in ${mode}: a NACK changes no names, so a server that ignores all else in it misses nothing`, async (t) => {
    const { server, client } = await startClient(t, { mode }, { speaks: [mode] });
    const nothing = { onChanged() {}, onAbsent() {} };
    client.watch('cluster', 'a', {
      ...nothing,
      onError: () => {
        client.watch('cluster', 'b', { ...nothing, onError() {} });
      },
    });
    if (mode === 'sotw') {
      const stream = await server.nextStream();
      await stream.next();
      stream.respond(typeUrls.cluster, 'v1', [badCluster('a')]);
      const [nack, change] = [await stream.next(), await stream.next()];
      t.truthy(nack.error_detail);
      t.deepEqual(nack.resource_names, ['a']);
      t.like(change, { error_detail: null, resource_names: ['a', 'b'], response_nonce: nack.response_nonce });
    } else {
      const stream = await server.nextDeltaStream();
      await stream.next();
      stream.respond(typeUrls.cluster, [{ name: 'a', version: '1', resource: badCluster('a') }]);
      const [nack, change] = [await stream.next(), await stream.next()];
      t.truthy(nack.error_detail);
      t.deepEqual(nack.resource_names_subscribe, []);
      t.like(change, { error_detail: null, resource_names_subscribe: ['b'], response_nonce: '' });
    }
  });
}

test('case 93 in delta: who sends nothing before the last response was acknowledged, and takes * for a name, gets to send all', async (t) => {
  const { server, watchAll, watch } = await startClient(t, { mode: 'delta' }, { speaks: ['delta'] });
  const clusters = watchAll('cluster');
  const listeners = watchAll('listener');
  const stream = await server.nextDeltaStream();
  for (const typeUrl of [typeUrls.cluster, typeUrls.listener]) {
    t.like(await stream.next(), { type_url: typeUrl, resource_names_subscribe: [] });
  }
  // Each is answered at once, an empty one too, and one that holds nothing that is wanted.
  for (const resources of [[], [{ name: 'a', version: '1', resource: cluster('a') }], []]) {
    const nonce = stream.respond(typeUrls.cluster, resources);
    t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
  }
  const nonce = stream.respond(typeUrls.listener, []);
  t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
  t.deepEqual(await clusters.next(3), ['update + -', 'update +a -', 'update + -']);
  t.deepEqual(await listeners.next(), ['update + -']);
  // A name beside everything is asked for by itself, and everything not by *.
  watch('cluster', 'named');
  t.deepEqual((await stream.next()).resource_names_subscribe, ['named']);
});
