// A throw where none should be costs the call that it was met in, and nobody else: that call fails with INTERNAL and is
// told in which part, the fault is logged and counted, and other calls on both connections go on.
import { type AddressInfo, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Decision, Director, HeadChange } from '../../agent/director/decision.ts';
import { DeadlineQueue } from '../../agent/grpc/deadline-queue.ts';
import { accept, defaultLimits, Flusher, HeaderShapes, type Role, type Stream } from '../../agent/http2/index.ts';
import type { CallObserver } from '../../agent/observe/call-observer.ts';
import type { CallContext, Upstreams } from '../../agent/proxy/call-parts.ts';
import { GrpcProxy } from '../../agent/proxy/proxy.ts';
import { ClusterManager } from '../../agent/upstream/cluster-manager.ts';
import { flag, H2Peer, headers, request, settings, settingsAck } from '../support/h2-peer.ts';
import { field, okResponse } from '../support/raw-mesh.ts';
import { plainMesh } from '../support/resources.ts';

interface Broken {
  readonly direct?: Director<CallContext>['direct'];
  readonly observer?: Partial<CallObserver>;
  readonly clusters?: (whole: Upstreams) => Upstreams;
}

const secret = 'what is no business of a client';
const broken = (): never => {
  throw new Error(secret);
};

function forwardTo(cluster: string, rewrite: HeadChange | null = null): Decision<CallContext> {
  const policy = {
    timeoutMs: null,
    maxStreamDurationMs: null,
    grpcTimeoutMaxMs: null,
    retry: null,
    unknownClusterStatus: 14,
    hash: null,
    rewrite,
    filterOverrides: null,
  };
  return { kind: 'forward', cluster, policy };
}

/** A proxy between raw peers, one part of which throws for calls to `/bad.Service/Call`. */
async function startBroken(t: ExecutionContext, { direct, observer, clusters }: Broken) {
  const endpoint = await H2Peer.listen();
  const [flusher, shapes] = [new Flusher(), new HeaderShapes()];
  const logged: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const faults: string[] = [];
  const now = (): number => flusher.now();
  const log = (level: string, message: string, fields = {}): void => {
    if (level === 'error') logged.push({ message, fields });
  };
  const environment = (role: Role) => ({ shapes, flusher, limits: defaultLimits(role), now, log });
  const manager = new ClusterManager({ environment: environment('client'), random: Math.random });
  for (const resource of plainMesh('echo', 'outbound', [endpoint.port])) {
    if (resource.type === 'cluster') manager.upsertCluster(resource.value);
    if (resource.type === 'endpoints') manager.upsertEndpoints(resource.value);
  }
  const deadlines = new DeadlineQueue({ now, flusher });
  const proxy = new GrpcProxy({
    shapes,
    flusher,
    clusters: clusters?.(manager) ?? manager,
    deadlines,
    observers: [{ callStarted() {}, callRouted() {}, callEnded() {}, ...observer }],
    tracer: null,
    log,
    now,
    random: Math.random,
    onFault: (part) => faults.push(part),
  });
  const director: Director<CallContext> = {
    direct: (head, facts) =>
      direct !== undefined && head.method.startsWith('bad') ? direct(head, facts) : forwardTo('echo'),
  };
  const context: CallContext = { name: 'broken', direction: 'outbound', director, filters: null, local: null };
  const handler = {
    onStream: (stream: Stream) => proxy.accept(stream, context),
    onRoom() {},
    onGoAway() {},
    onClosed() {},
  };
  const server = createServer((socket) => accept(socket, environment('server'), handler));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = await H2Peer.ready((server.address() as AddressInfo).port);
  client.send(headers(1, request('/good.Service/Call'), flag.endStream));
  const upstream = await endpoint.next();
  upstream.send(settings(), settingsAck());
  await upstream.expect('HEADERS', 1);
  t.teardown(() => {
    client.socket.destroy();
    upstream.socket.destroy();
    server.close();
    manager.destroy();
    deadlines.stop();
    endpoint.close();
  });
  return { client, upstream, logged, faults };
}

type Started = Awaited<ReturnType<typeof startBroken>>;

/** The call of before, which waits for its answer all the while, gets it on the same connections. */
async function othersGoOn(t: ExecutionContext, { client, upstream }: Started): Promise<void> {
  upstream.send(okResponse(1));
  const answer = await client.expect('HEADERS', 1);
  t.is(field(answer.fields, 'grpc-status'), '0');
  t.is(client.count('GOAWAY') + upstream.count('GOAWAY'), 0);
}

async function failsIn(t: ExecutionContext, started: Started, part: string, doing: string): Promise<void> {
  const { client, logged, faults } = started;
  const answer = await client.expect('HEADERS', 3);
  t.is(field(answer.fields, 'grpc-status'), '13');
  t.is(field(answer.fields, 'grpc-message'), `this proxy failed while ${doing}; its log says why`);
  t.true(answer.endStream);
  t.deepEqual(faults, [part]);
  t.is(logged[0]?.fields['part'], part);
  t.regex(String(logged[0]?.fields['error']), new RegExp(secret));
  await othersGoOn(t, started);
}

const bad = headers(3, request('/bad.Service/Call'), flag.endStream);

test('a director that throws', async (t) => {
  const started = await startBroken(t, { direct: broken });
  started.client.send(bad);
  await failsIn(t, started, 'route', 'routing the call');
});

test('a decision that is waited for, and rejects', async (t) => {
  const direct = () => ({ kind: 'pending', decision: Promise.reject(new Error(secret)), cancel() {} }) as const;
  const started = await startBroken(t, { direct });
  started.client.send(bad);
  await failsIn(t, started, 'route', 'routing the call');
});

test('a decision that is waited for, and can not be followed', async (t) => {
  const hash = { of: broken };
  const decision = forwardTo('echo');
  const hashed = decision.kind === 'forward' ? { ...decision, policy: { ...decision.policy, hash } } : decision;
  const direct = () => ({ kind: 'pending', decision: Promise.resolve(hashed), cancel() {} }) as const;
  const started = await startBroken(t, { direct });
  started.client.send(bad);
  await failsIn(t, started, 'route', 'routing the call');
});

test('a balancer that throws', async (t) => {
  let calls = 0;
  const clusters = (whole: Upstreams): Upstreams => ({
    get: (name) => {
      const cluster = whole.get(name)!;
      if (calls++ === 0) return cluster;
      return {
        callName: cluster.callName,
        begin: (downstream) => cluster.begin(downstream),
        end: () => cluster.end(),
        beginRetry: () => false,
        endRetry() {},
        pick: broken,
      };
    },
  });
  const started = await startBroken(t, { clusters });
  started.client.send(bad);
  await failsIn(t, started, 'endpoint', 'choosing an endpoint for the call');
});

test('a change of the request that throws', async (t) => {
  const rewrite: HeadChange = { request: broken, response: (block) => block };
  const started = await startBroken(t, { direct: () => forwardTo('echo', rewrite) });
  started.client.send(bad);
  await failsIn(t, started, 'request', 'sending the request on');
});

test('a change of the response that throws; the endpoint is told to stop', async (t) => {
  const rewrite: HeadChange = { request: (block) => block, response: broken };
  const started = await startBroken(t, { direct: () => forwardTo('echo', rewrite) });
  const { client, upstream } = started;
  client.send(bad);
  await upstream.expect('HEADERS', 3);
  upstream.send(headers(3, [[':status', '200']]));
  await failsIn(t, started, 'response', 'handing the response on');
  t.is((await upstream.expect('RST_STREAM', 3)).code, 2);
});

test('a change of the answer to a failure that throws', async (t) => {
  const rewrite: HeadChange = { request: (block) => block, response: broken };
  const started = await startBroken(t, { direct: () => forwardTo('nowhere', rewrite) });
  started.client.send(bad);
  await failsIn(t, started, 'route', 'routing the call');
});

test('an observer that throws at the beginning of a call', async (t) => {
  const callStarted: CallObserver['callStarted'] = ({ method }) => method.startsWith('bad') && broken();
  const started = await startBroken(t, { observer: { callStarted } });
  started.client.send(bad);
  await failsIn(t, started, 'route', 'routing the call');
});

test('an observer that throws at the end of a call: the call is answered all the same', async (t) => {
  const callEnded: CallObserver['callEnded'] = ({ method }) => method.startsWith('bad') && broken();
  const started = await startBroken(t, { observer: { callEnded } });
  const { client, upstream, faults } = started;
  client.send(bad);
  await upstream.expect('HEADERS', 3);
  upstream.send(okResponse(3));
  t.is(field((await client.expect('HEADERS', 3)).fields, 'grpc-status'), '0');
  await othersGoOn(t, started);
  t.deepEqual(faults, ['record']);
});

test('a deadline that can not be told: the call is over, and the others behind it expire', async (t) => {
  const decided: Director<CallContext>['direct'] = () =>
    forwardTo('echo', { request: (block) => block, response: broken });
  const started = await startBroken(t, { direct: decided });
  const { client, upstream, faults } = started;
  const soon = [...request('/bad.Service/Call'), ['grpc-timeout', '20m']] as const;
  client.send(headers(3, soon, flag.endStream), headers(5, soon, flag.endStream));
  const answers = [await client.expect('HEADERS', 3), await client.expect('HEADERS', 5)];
  t.deepEqual(
    answers.map(({ fields }) => field(fields, 'grpc-status')),
    ['13', '13'],
  );
  t.deepEqual(faults, ['request', 'request']);
  t.is(upstream.count('RST_STREAM'), 2);
  await othersGoOn(t, started);
});
