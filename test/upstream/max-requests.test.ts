// circuit_breakers.max_requests, seen from a client (gRFC A32).
import { connect } from 'node:http2';
import test from 'ava';
import { startDataPlane } from '../support/data-plane.ts';
import { call, GRPC_HEADERS, seeCall, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, plainMesh } from '../support/resources.ts';

test('a call beyond max_requests is UNAVAILABLE at once, and its message says which limit of which cluster', async (t) => {
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const endpoint = await startHttp2Endpoint(async (stream) => {
    await released;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  });
  const plane = startDataPlane([
    ...plainMesh('app', 'inbound', [endpoint.port]),
    { type: 'cluster', value: { ...cluster('app'), maxRequests: 2 } },
    { type: 'endpoints', value: endpoints('app', [endpoint.port]) },
  ]);
  const session = connect(`http://127.0.0.1:${await plane.port('app')}`);
  t.teardown(async () => {
    session.destroy();
    plane.stop();
    await endpoint.stop();
  });
  const held = [1, 2].map(() => seeCall(session.request(GRPC_HEADERS)));
  const { headers } = await call(session);
  t.is(headers['grpc-status'], '14');
  t.is(headers['grpc-message'], 'app: 2 calls are under way, of at most 2 (circuit_breakers.max_requests)');
  release();
  for (const one of await Promise.all(held)) t.is(one.headers['grpc-status'], '0');
  t.is((await call(session)).headers['grpc-status'], '0', 'what has ended makes room');
});
