// What callers get that access control does not let pass, through a whole data plane.
import http2 from 'node:http2';
import test from 'ava';
import type { HttpFilter } from '../../xds/model/http-filter.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { listener, plainMesh } from '../support/resources.ts';

test('gRFC A41: a call that may not pass is PERMISSION_DENIED, for HTTP callers 403, and no endpoint sees it', async (t) => {
  const paths: unknown[] = [];
  const endpoint = await startHttp2Endpoint((stream, headers) => {
    paths.push(headers[':path']);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  });
  const open = { kind: 'path', match: { kind: 'prefix', value: '/open.', ignoreCase: false } } as const;
  const filters: HttpFilter[] = [
    {
      kind: 'rbac',
      name: 'rbac',
      rules: { action: 'allow', policies: [{ name: 'open', permission: open, principal: { kind: 'any' } }] },
    },
  ];
  const plain = listener('echo', 'inbound', 'echo-routes');
  const [chain] = plain.filterChains;
  const value = { ...plain, filterChains: [{ ...chain!, http: { ...chain!.http, filters } }] };
  const resources: ServingResource[] = [
    ...plainMesh('echo', 'inbound', [endpoint.port]).slice(0, 3),
    { type: 'listener', value },
  ];
  const plane = startDataPlane(resources);
  const session = http2.connect(`http://127.0.0.1:${await plane.port('echo')}`);
  const passed = await call(session, { ':path': '/open.Orders/Place' });
  t.is(passed.headers['grpc-status'], '0');
  const denied = await call(session, { ':path': '/shut.Orders/Place' }, Buffer.from('body'));
  t.like(denied.headers, { ':status': 200, 'grpc-status': '7', 'grpc-message': 'RBAC: access denied' });
  const inHttp = await call(session, { ':method': 'GET', ':path': '/shut', 'content-type': undefined, te: undefined });
  t.is(inHttp.headers[':status'], 403);
  t.is(inHttp.body.toString(), 'RBAC: access denied');
  t.deepEqual(paths, ['/open.Orders/Place']);
  session.destroy();
  plane.stop();
  await endpoint.stop();
});
