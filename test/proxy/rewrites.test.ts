// Answers of routes and rewritten heads, seen by callers through a whole data plane.
import http2 from 'node:http2';
import test from 'ava';
import type { HeaderMutations } from '../../xds/model/header-mutations.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { Route } from '../../xds/model/route.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { call, type Http2Endpoint, startHttp2Endpoint } from '../support/http2-call.ts';
import { forward, plainMesh, route, routeConfiguration } from '../support/resources.ts';

const prefix = (value: string) => ({ kind: 'prefix', value }) as const;

const answers: HeaderMutations = {
  requestRemove: [],
  requestAdd: [],
  responseRemove: [],
  responseAdd: [
    {
      name: 'x-said',
      value: [{ kind: 'request-field', name: 'x-user', alternative: null, maxLength: null }],
      action: 'append',
      keepEmpty: false,
    },
  ],
};

const redirect = { kind: 'redirect', status: 307, scheme: 'https', host: null, port: null, path: null } as const;

const routes: readonly Route[] = [
  route({ kind: 'direct-response', status: 200, body: 'ok' }, prefix('/health')),
  route({ kind: 'direct-response', status: 204, body: '' }, prefix('/empty')),
  route({ ...redirect, stripQuery: false }, prefix('/moved')),
  { ...route({ ...forward('gone'), clusterNotFoundStatus: 404 }, prefix('/gone')), mutations: answers },
  { ...route(forward('echo')), mutations: answers },
];

let endpoint: Http2Endpoint;
let stop: () => void;
let port: number;

test.before(async () => {
  endpoint = await startHttp2Endpoint((stream) => {
    stream.resume();
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
    });
  });
  const resources: ServingResource[] = [
    ...plainMesh('echo', 'outbound', [endpoint.port]),
    { type: 'route', value: routeConfiguration('echo-routes', { '*': routes }) },
  ];
  const plane = startDataPlane(resources);
  stop = plane.stop;
  port = await plane.port('echo');
});

test.after.always(async () => {
  stop();
  await endpoint.stop();
});

async function get(path: string) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const seen = await call(session, { ':method': 'GET', ':path': path, 'content-type': undefined, te: undefined });
  session.destroy();
  return { status: seen.headers[':status'], location: seen.headers['location'], body: seen.body.toString() };
}

test('a caller that speaks no gRPC gets the very HTTP answer of a direct response or a redirect', async (t) => {
  t.deepEqual(await get('/health'), { status: 200, location: undefined, body: 'ok' });
  t.deepEqual(await get('/empty'), { status: 204, location: undefined, body: '' });
  t.deepEqual(await get('/moved?q=1'), { status: 307, location: 'https://echo/moved?q=1', body: '' });
});

test('a gRPC caller gets the status that stands for it, and the location', async (t) => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const seen = await call(session, { ':path': '/moved' });
  session.destroy();
  t.like(seen.headers, { ':status': 200, 'grpc-status': '2', location: 'https://echo/moved' });
  t.true(seen.endStream);
});

test('an answer is changed by fields of the request, however large the request was, and one of our own is too', async (t) => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const large = await call(session, { 'x-user': 'ada' }, Buffer.alloc(1024 * 1024));
  t.like(large.headers, { 'grpc-status': '0', 'x-said': 'ada' });
  const ours = await call(session, { ':path': '/gone/x', 'x-user': 'bob' });
  t.like(ours.headers, { 'grpc-status': '12', 'x-said': 'bob' });
  session.destroy();
});
