// Clusters whose calls say which server they are for (`auto_sni`, `auto_san_validation`, `override_auto_sni_header` of
// envoy.config.core.v3.UpstreamHttpProtocolOptions), against TLS servers that say what they were asked for.
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { maxServers } from '../../agent/upstream/server-pools.ts';
import type { CallName } from '../../xds/model/cluster.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { call, GRPC_HEADERS } from '../support/http2-call.ts';
import { cluster, endpoints, forward, plainMesh, route, routeConfiguration } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

interface Endpoint {
  readonly port: number;
  readonly sessions: Set<http2.ServerHttp2Session>;
  /** What connections asked for by SNI, in order; `null`: nothing. */
  readonly asked: (string | null)[];
  /** Calls that are not answered. */
  readonly held: http2.ServerHttp2Stream[];
  /** Resolves when there are so many of them. */
  holds(count: number): Promise<void>;
}

/** Its certificate is for `echo.test` and `spiffe://mesh.test/echo`. A call of a path that ends with `hold` waits. */
async function startEndpoint(t: ExecutionContext): Promise<Endpoint> {
  const server = http2.createSecureServer({ cert: pem('server'), key: pem('server-key') });
  const events = new EventEmitter();
  const held: http2.ServerHttp2Stream[] = [];
  const asked: (string | null)[] = [];
  const endpoint = {
    sessions: new Set<http2.ServerHttp2Session>(),
    asked,
    held,
    holds: async (count: number) => {
      if (held.length < count) await once(events, `${count}`);
    },
  };
  server.on('session', (session) => {
    endpoint.asked.push((session.socket as TLSSocket).servername || null);
    endpoint.sessions.add(session);
    session.on('close', () => endpoint.sessions.delete(session));
  });
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path']?.endsWith('hold')) {
      endpoint.held.push(stream);
      events.emit(`${endpoint.held.length}`);
      return;
    }
    const shown = (stream.session?.socket as TLSSocket | undefined)?.servername || 'none';
    stream.respond(
      { 'content-type': 'application/grpc', 'grpc-status': '0', 'grpc-message': shown },
      { endStream: true },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const session of endpoint.sessions) session.destroy();
    server.close();
  });
  return { ...endpoint, port: (server.address() as AddressInfo).port };
}

const byName: CallName = { header: null, isSni: true, isChecked: false };

function named(callName: CallName, over: Partial<UpstreamTls> = {}): ServingResource {
  const tls: UpstreamTls = {
    certificateChainPem: null,
    privateKeyPem: null,
    trustedCaPem: pem('ca'),
    sni: null,
    subjectAltNames: [],
    nameCheck: 'chain',
    ...over,
  };
  return { type: 'cluster', value: { ...cluster('app'), tls, callName } };
}

/** A data plane whose every call goes to the endpoint, and a client. */
async function startMesh(t: ExecutionContext, first: ServingResource, routes: readonly ServingResource[] = []) {
  const endpoint = await startEndpoint(t);
  const mesh = plainMesh('app', 'outbound', [endpoint.port]).filter(
    ({ type }) => type !== 'cluster' && (routes.length === 0 || type !== 'route'),
  );
  const plane = startDataPlane([first, ...routes, ...mesh]);
  const session = http2.connect(`http://127.0.0.1:${await plane.port('app')}`);
  t.teardown(() => {
    session.destroy();
    plane.stop();
  });
  const of = async (authority: string, headers: http2.OutgoingHttpHeaders = {}) => {
    const seen = await call(session, { ':authority': authority, ...headers });
    return `${seen.headers['grpc-status']} ${decodeURIComponent(String(seen.headers['grpc-message']))}`;
  };
  const renew = (next: ServingResource) =>
    plane.apply([next, { type: 'endpoints', value: endpoints('app', [endpoint.port]) }]);
  return { endpoint, session, of, renew };
}

test('each authority is asked for by a connection of its own, without its port and in lower case', async (t) => {
  const { endpoint, of } = await startMesh(t, named(byName));
  t.is(await of('echo.test:8080'), '0 echo.test');
  t.is(await of('other.test'), '0 other.test');
  t.is(await of('ECHO.test'), '0 echo.test');
  t.deepEqual(endpoint.asked, ['echo.test', 'other.test']);
});

test('an authority that is an IP address is not asked for: then the configured name counts, or none', async (t) => {
  const { of } = await startMesh(t, named(byName, { sni: 'configured.test' }));
  t.is(await of('10.0.0.1:80'), '0 configured.test');
  t.is(await of('[2001:db8::1]:80'), '0 configured.test');
  t.is(await of('echo.test'), '0 echo.test', 'and a name goes before it');
  const bare = await startMesh(t, named(byName));
  t.is(await bare.of('10.0.0.1'), '0 none');
});

test('a header says the name where it is there, else the authority does', async (t) => {
  const { of } = await startMesh(t, named({ ...byName, header: 'x-server' }));
  t.is(await of('echo.test', { 'x-server': 'other.test' }), '0 other.test');
  t.is(await of('echo.test', { 'x-server': '' }), '0 echo.test');
  t.is(await of('echo.test'), '0 echo.test');
});

test('a route that changes the authority changes the name too', async (t) => {
  const action = { ...forward('app'), hostRewrite: { kind: 'literal', value: 'rewritten.test' } } as const;
  const value = routeConfiguration('app-routes', { '*': [route(action)] });
  const { of } = await startMesh(t, named(byName), [{ type: 'route', value }]);
  t.is(await of('echo.test'), '0 rewritten.test');
});

test('the certificate must carry the name that a call is for, whatever else counts', async (t) => {
  const { endpoint, of } = await startMesh(t, named({ ...byName, isChecked: true }));
  t.is(await of('echo.test'), '0 echo.test');
  t.regex(await of('other.test'), /^14 .*app: .*can't be connected to|^14 can't connect.*other\.test/s);
  t.is(await of('echo.test'), '0 echo.test', 'a server that cannot be had spoils no other');
  t.regex(await of('127.0.0.1'), /^14 .*127\.0\.0\.1/s, 'an address must be in the certificate as well');
  t.is([...endpoint.sessions].length, 1);
});

test('names that are configured count beside the one of the call', async (t) => {
  const names = (value: string) =>
    [{ kind: 'uri', match: { kind: 'exact', value, ignoreCase: false } }] satisfies UpstreamTls['subjectAltNames'];
  const checked = { ...byName, isChecked: true };
  const good = await startMesh(t, named(checked, { subjectAltNames: names('spiffe://mesh.test/echo') }));
  t.is(await good.of('echo.test'), '0 echo.test');
  const bad = await startMesh(t, named(checked, { subjectAltNames: names('spiffe://mesh.test/other') }));
  t.regex(await bad.of('echo.test'), /^14 .*a name in its certificate must/s);
});

test('what cannot be the name of a server is refused, and nothing is sent', async (t) => {
  const { endpoint, of } = await startMesh(t, named({ ...byName, header: 'x-server' }));
  t.regex(await of('echo.test', { 'x-server': 'a/b' }), /^14 app: "a\/b" is not the name of a server/);
  t.regex(await of('a'.repeat(300)), /^14 app: "a+" is not the name of a server/);
  t.deepEqual(endpoint.asked, []);
});

test('renewed certificates keep the connections of every server', async (t) => {
  const secrets = { identity: 'secret "ROOTCA"' };
  const { endpoint, of, renew } = await startMesh(t, named(byName, secrets));
  t.is(await of('echo.test'), '0 echo.test');
  renew(named(byName, { ...secrets, trustedCaPem: pem('nameless') }));
  t.is(await of('echo.test'), '0 echo.test', 'over the connection that was there');
  t.regex(await of('other.test'), /^14 /, 'a new one trusts the new roots only');
  t.deepEqual(endpoint.sessions.size, 1);
});

test(`${maxServers} servers are called at a time at one endpoint; one more takes the place of one without calls`, async (t) => {
  const { endpoint, session, of } = await startMesh(t, named(byName));
  const hold = (authority: string) =>
    session.request({ ...GRPC_HEADERS, ':authority': authority, ':path': '/test.Echo/hold' }).on('error', () => {});
  const held = Array.from({ length: maxServers - 1 }, (_, i) => hold(`s${i}.test`));
  t.is(await of('idle.test'), '0 idle.test');
  await endpoint.holds(maxServers - 1);
  held.push(hold('last.test'));
  await endpoint.holds(maxServers);
  t.regex(await of('more.test'), /^14 app: 100 servers are being called at 127\.0\.0\.1:\d+/);
  t.false([...endpoint.sessions].some(({ socket }) => (socket as TLSSocket).servername === 'idle.test'));
  for (const stream of endpoint.held) stream.respond({ 'grpc-status': '0' }, { endStream: true });
});
