// What the agent answers by itself, as its client reads it (http2.md section 2, cases 69 and 71, and section 6, "A local
// answer takes the request's content-type").
import test from 'ava';
import type { ServingResource } from '../../xds/model/resource.ts';
import { type Fields, flag, headers, request, rstStream } from '../support/h2-peer.ts';
import { field, type RawMesh, startRawMesh } from '../support/raw-mesh.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from '../support/resources.ts';

const { endStream } = flag;

function without(name: string): Fields {
  return request().filter(([other]) => other !== name);
}

test('(69) a local answer has the content-type of the request, HTTP status 200 and one HEADERS frame (section 6, local answers)', async (t) => {
  const mesh = await startRawMesh(t, () => plainMesh('echo', 'outbound', []));
  const client = await mesh.client();
  let id = -1;
  for (const type of [
    'application/grpc',
    'application/grpc+json',
    'application/grpc+proto',
    'application/grpc;charset=utf-8',
  ]) {
    id += 2;
    client.send(headers(id, [...without('content-type'), ['content-type', type]], endStream));
    const answer = await client.expect('HEADERS', id);
    t.true(answer.endStream, type);
    t.is(field(answer.fields, ':status'), '200', type);
    t.is(field(answer.fields, 'content-type'), type);
    t.is(field(answer.fields, 'grpc-status'), '14', type);
  }
});

test('(69) application/grpc-web and application/grpcx are not gRPC: their client reads an HTTP status', async (t) => {
  const mesh = await startRawMesh(t, () => plainMesh('echo', 'outbound', []));
  const client = await mesh.client();
  let id = -1;
  for (const type of ['application/grpc-web', 'application/grpc-web+proto', 'application/grpcx', 'application/json']) {
    id += 2;
    client.send(headers(id, [...without('content-type'), ['content-type', type]], endStream));
    const answer = await client.expect('HEADERS', id);
    t.is(field(answer.fields, ':status'), '503', type);
    t.is(field(answer.fields, 'grpc-status'), undefined, type);
  }
});

test('a HEAD request that is answered here gets the head of the answer alone (RFC 9110, section 9.3.2)', async (t) => {
  const mesh = await startRawMesh(t, () => plainMesh('echo', 'outbound', []));
  const client = await mesh.client();
  const lengths: (string | undefined)[] = [];
  for (const [at, method] of ['GET', 'HEAD'].entries()) {
    const id = 2 * at + 1;
    const fields = without('content-type').map(([name, value]) => [name, name === ':method' ? method : value] as const);
    client.send(headers(id, fields, endStream));
    const answer = await client.expect('HEADERS', id);
    t.is(field(answer.fields, ':status'), '503');
    t.is(answer.endStream, method === 'HEAD', method);
    lengths.push(field(answer.fields, 'content-length'));
  }
  t.is(lengths[0], lengths[1]);
});

interface Cause {
  readonly resources: (port: number) => readonly ServingResource[];
  /** What the endpoint does, when it is asked at all. */
  readonly endpoint?: (mesh: RawMesh) => Promise<void>;
  readonly more?: Fields;
  readonly status: string;
  readonly message: RegExp;
}

const causes: Readonly<Record<string, Cause>> = {
  'no route': {
    resources: () => [
      { type: 'route', value: routeConfiguration('routes', { 'other.test': [route(forward('echo'))] }) },
      { type: 'listener', value: listener('echo', 'outbound', 'routes') },
    ],
    status: '12',
    message: /echo\.test/,
  },
  'a cluster that is not known': {
    resources: () => [
      { type: 'route', value: routeConfiguration('routes', { '*': [route(forward('ghost'))] }) },
      { type: 'listener', value: listener('echo', 'outbound', 'routes') },
    ],
    status: '14',
    message: /ghost/,
  },
  'no endpoint': { resources: () => plainMesh('echo', 'outbound', []), status: '14', message: /no healthy upstream/ },
  'an endpoint that closes before it said anything': {
    resources: (port) => plainMesh('echo', 'outbound', [port]),
    endpoint: async (mesh) => void (await mesh.silentUpstream()).socket.destroy(),
    status: '14',
    message: /127\.0\.0\.1:\d+/,
  },
  'a connection that is lost before the response': {
    resources: (port) => plainMesh('echo', 'outbound', [port]),
    endpoint: async (mesh) => {
      const upstream = await mesh.upstream();
      await upstream.expect('HEADERS', 1);
      upstream.socket.destroy();
    },
    status: '14',
    message: /the connection to 127\.0\.0\.1:\d+ ended before it answered/,
  },
  'a reset for being too busy': {
    resources: (port) => plainMesh('echo', 'outbound', [port]),
    endpoint: async (mesh) => {
      const upstream = await mesh.upstream();
      await upstream.expect('HEADERS', 1);
      upstream.send(rstStream(1, 11));
    },
    status: '8',
    message: /127\.0\.0\.1:\d+ reset the stream before it answered \(ENHANCE_YOUR_CALM\)/,
  },
  'all calls dropped by the control plane': {
    resources: (port) => [
      { type: 'cluster', value: cluster('echo') },
      {
        type: 'endpoints',
        value: { ...endpoints('echo', [port]), dropOverloads: [{ category: 'all', numerator: 1, denominator: 1 }] },
      },
      { type: 'route', value: routeConfiguration('routes', { '*': [route(forward('echo'))] }) },
      { type: 'listener', value: listener('echo', 'outbound', 'routes') },
    ],
    status: '14',
    message: /drop overload/,
  },
  'a deadline that is over': {
    resources: (port) => plainMesh('echo', 'outbound', [port]),
    more: [['grpc-timeout', '0m']],
    status: '4',
    message: /deadline exceeded/,
  },
};

test('(71) each cause has its status, and its message names what was seen', async (t) => {
  for (const [what, { resources, endpoint, more, status, message }] of Object.entries(causes)) {
    const mesh = await startRawMesh(t, resources);
    const client = await mesh.client();
    client.send(headers(1, [...request(), ...(more ?? [])], endStream));
    await endpoint?.(mesh);
    const answer = await client.expect('HEADERS', 1);
    t.true(answer.endStream, what);
    t.is(field(answer.fields, 'grpc-status'), status, what);
    t.regex(decodeURIComponent(field(answer.fields, 'grpc-message') ?? ''), message, what);
  }
});
