// Threads (design section 4): several workers share a port, and one that dies is replaced.
import test from 'ava';
import type { Up } from '../../agent/link.ts';
import { Workers } from '../../agent/workers.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { flag, H2Peer, headers, request, settings, settingsAck } from '../support/h2-peer.ts';
import { field } from '../support/raw-mesh.ts';
import { plainMesh } from '../support/resources.ts';

test('--concurrency 2 binds each listener in two workers, and both serve', async (t) => {
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', [server.port]));
  const agent = await startAgentProcess({ xdsPort, node: 'client', args: ['--concurrency', '2'] });
  const bound = await Promise.all(
    [0, 1].map((worker) => agent.line((line) => line.msg === 'listener bound' && line['worker'] === worker)),
  );
  t.is(bound[0]?.['port'], bound[1]?.['port']);
  // The kernel spreads connections: of 40, each worker has some, but for a chance of 2 in 10^12.
  const clients = Array.from({ length: 40 }, () => new EchoClient(Number(bound[0]?.['port']), 'echo'));
  await Promise.all(clients.map((client) => client.unary(Buffer.from('x'))));
  t.is(server.calls.length, 40);
  const { text } = await agent.get('/stats/prometheus');
  t.regex(text, /grpc_client_attempt_started_total\{[^}]*\} 40/);
  for (const client of clients) client.close();
  t.is(await agent.stop(), 0);
  await controlPlane.close();
  await server.stop();
});

test('a worker that dies is reported, and its successor binds the same listeners with the same configuration', async (t) => {
  const server = await startEchoServer();
  const bound: string[] = [];
  const crashes: number[] = [];
  let again: (up: Extract<Up, { kind: 'listener-bound' }>) => void = () => {};
  const nextBound = (): Promise<Extract<Up, { kind: 'listener-bound' }>> =>
    new Promise((resolve) => {
      again = resolve;
    });
  const first = nextBound();
  const workers = new Workers({
    concurrency: 1,
    sampling: { enabled: false, parentBased: true, ratio: 0 },
    logLevel: 'warn',
    log: () => {},
    onUp: (_, up) => {
      if (up.kind !== 'listener-bound') return;
      bound.push(up.name);
      again(up);
    },
    onStats: () => {},
    onCrash: (worker) => crashes.push(worker),
    onFatal: (reason) => t.fail(reason),
  });
  workers.start();
  const update = { upsert: plainMesh('echo', 'outbound', [server.port]), remove: [] };
  await workers.apply(update);
  await first;
  const second = nextBound();
  // What a bug would do: throw where nobody catches.
  workers.tell(0, { kind: 'config', version: 0, update: null as never });
  const { port } = await second;
  t.deepEqual(crashes, [0]);
  const client = new EchoClient(port, 'echo');
  t.is((await client.unary(Buffer.from('served'))).reply.toString(), 'served');
  client.close();
  await workers.stop();
  await server.stop();
});

test("max_requests is the agent's: two workers carry no more together, and what one held that died is given back", async (t) => {
  const limit = 6;
  const endpoint = await H2Peer.listen();
  const carried = new Set<H2Peer>();
  const bound = new Map<number, number>();
  const crashed = Promise.withResolvers<number>();
  const both = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  const workers = new Workers({
    concurrency: 2,
    sampling: { enabled: false, parentBased: true, ratio: 0 },
    logLevel: 'warn',
    log: () => {},
    onUp: (worker, up) => {
      if (up.kind !== 'listener-bound') return;
      bound.set(worker, up.port);
      if (bound.size === 2) both.resolve();
      if (bound.size === 3) again.resolve();
    },
    onStats: () => {},
    onCrash: crashed.resolve,
    onFatal: (reason) => t.fail(reason),
  });
  t.teardown(async () => {
    for (const { socket } of carried) socket.destroy();
    endpoint.close();
    await workers.stop();
  });
  workers.start();
  const upsert = plainMesh('app', 'outbound', [endpoint.port]).map((resource) =>
    resource.type === 'cluster' ? { ...resource, value: { ...resource.value, maxRequests: limit } } : resource,
  );
  await workers.apply({ upsert, remove: [] });
  await both.promise;
  const port = bound.get(0)!;
  // The endpoint answers nothing: calls that are carried stay under way.
  const serve = async (): Promise<void> => {
    for (;;) {
      const peer = await endpoint.next();
      carried.add(peer);
      peer.send(settings(), settingsAck());
    }
  };
  void serve();
  const clients: H2Peer[] = [];
  /** So many calls, each on a connection of its own, which the kernel spreads; answers how many were refused. */
  const call = async (calls: number, refusals: number): Promise<void> => {
    const fresh = await Promise.all(Array.from({ length: calls }, () => H2Peer.ready(port)));
    clients.push(...fresh);
    const refused = Promise.withResolvers<void>();
    let count = 0;
    for (const client of fresh) {
      client.onFrame = ({ type, fields }) => {
        if (type !== 'HEADERS') return;
        t.is(field(fields, 'grpc-status'), '14');
        t.is(
          field(fields, 'grpc-message'),
          `app: ${limit} calls are under way, of at most ${limit} (circuit_breakers.max_requests)`,
        );
        if (++count === refusals) refused.resolve();
      };
      client.send(headers(1, request(), flag.endStream));
    }
    await refused.promise;
    // Whoever was not refused is carried: everything that was sent before has been dealt with.
    await Promise.all(fresh.map((client) => client.roundTrip()));
    t.is(count, refusals);
  };
  await call(40, 40 - limit);
  workers.tell(0, { kind: 'config', version: 0, update: null as never });
  t.is(await crashed.promise, 0);
  await again.promise;
  // Those of the dead worker are closed, the others still answer.
  const live = await Promise.all(
    clients.map((client) =>
      client.roundTrip().then(
        () => true,
        () => false,
      ),
    ),
  );
  t.true(live.includes(true) && live.includes(false), 'the kernel has given each worker some of 40 connections');
  const back = clients.filter((client, i) => !live[i] && client.count('HEADERS') === 0).length;
  await call(40, 40 - back);
  for (const { socket } of clients) socket.destroy();
});

test('a promise that fails in a worker, and that nobody looks after, is told and ends nothing', async (t) => {
  let told: (up: Extract<Up, { kind: 'log' }>) => void = () => {};
  const line = new Promise<Extract<Up, { kind: 'log' }>>((resolve) => {
    told = resolve;
  });
  const workers = new Workers({
    concurrency: 1,
    sampling: { enabled: false, parentBased: true, ratio: 0 },
    logLevel: 'warn',
    log: () => {},
    onUp: (_, up) => {
      if (up.kind === 'log') told(up);
    },
    onStats: () => {},
    onCrash: () => t.fail('the worker ended'),
    onFatal: (reason) => t.fail(reason),
  });
  workers.start();
  workers.tell(0, { kind: 'drain', plan: null as never });
  const { level, message, fields } = await line;
  t.is(level, 'error');
  t.is(message, 'something failed in a data plane');
  t.regex(String(fields['error']), /TypeError/);
  await workers.stop();
});

test('the third crash within a minute is fatal', async (t) => {
  let fatal: (reason: string) => void = () => {};
  const reason = new Promise<string>((resolve) => {
    fatal = resolve;
  });
  const workers = new Workers({
    concurrency: 1,
    sampling: { enabled: false, parentBased: true, ratio: 0 },
    logLevel: 'warn',
    log: () => {},
    onUp: (worker, up) => {
      if (up.kind === 'ready') workers.tell(worker, { kind: 'config', version: 0, update: null as never });
    },
    onStats: () => {},
    onCrash: () => {},
    onFatal: (text) => fatal(text),
  });
  workers.start();
  t.regex(await reason, /crashed 3 times within a minute/);
});
