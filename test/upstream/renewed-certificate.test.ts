// A certificate that was filled in from a secret, and changes: connections stay, and new ones show the new certificate.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { call, GRPC_HEADERS, seeCall } from '../support/http2-call.ts';
import { cluster, endpoints, plainMesh } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

interface Endpoint {
  readonly port: number;
  readonly sessions: readonly http2.ServerHttp2Session[];
}

/** Says in its grpc-message which certificate it was shown; a request with a body is answered when that ends. */
async function startEndpoint(t: ExecutionContext): Promise<Endpoint> {
  const server = http2.createSecureServer({
    cert: pem('server'),
    key: pem('server-key'),
    ca: pem('ca'),
    requestCert: true,
  });
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    const socket = stream.session?.socket as TLSSocket | undefined;
    const shown = socket?.getPeerX509Certificate()?.subjectAltName ?? 'none';
    const headers = { 'content-type': 'application/grpc', 'grpc-status': '0', 'grpc-message': shown };
    stream.on('error', () => {});
    stream.on('end', () => stream.respond(headers, { endStream: true }));
    stream.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sessions };
}

function secureCluster(file: string, over: Partial<UpstreamTls> = {}): ServingResource {
  const tls: UpstreamTls = {
    certificateChainPem: pem(file),
    privateKeyPem: pem(`${file}-key`),
    trustedCaPem: pem('ca'),
    sni: null,
    subjectAltNames: [],
    identity: 'secret "default", secret "ROOTCA"',
    ...over,
  };
  return { type: 'cluster', value: { ...cluster('app'), tls } };
}

/** A data plane whose every call goes to the endpoint, and a client. */
async function startMesh(t: ExecutionContext, first: ServingResource) {
  const endpoint = await startEndpoint(t);
  const plane = startDataPlane([
    first,
    ...plainMesh('app', 'outbound', [endpoint.port]).filter(({ type }) => type !== 'cluster'),
  ]);
  const session = http2.connect(`http://127.0.0.1:${await plane.port('app')}`);
  t.teardown(() => {
    session.destroy();
    plane.stop();
  });
  /** As a new version of the cluster comes: with its endpoints behind it. */
  const renew = (next: ServingResource) =>
    plane.apply([next, { type: 'endpoints', value: endpoints('app', [endpoint.port]) }]);
  return { endpoint, session, renew, shown: async () => String((await call(session)).headers['grpc-message']) };
}

const client = 'URI:spiffe://mesh.test/shop';
const server = 'DNS:echo.test, URI:spiffe://mesh.test/echo';

test('calls go on over the connection that there is, and the next connection shows the new certificate', async (t) => {
  const { endpoint, session, renew, shown } = await startMesh(t, secureCluster('client'));
  t.is(await shown(), client);
  const held = session.request(GRPC_HEADERS);
  const seen = seeCall(held);
  held.write('x');
  renew(secureCluster('server'));
  t.is(await shown(), client);
  held.end();
  t.is((await seen).headers['grpc-status'], '0', 'a call in flight ends as if nothing had been');
  t.is(endpoint.sessions.length, 1);
  const closed = once(endpoint.sessions[0]!, 'close');
  endpoint.sessions[0]!.close();
  await closed;
  t.is(await shown(), server);
  t.is(endpoint.sessions.length, 2);
});

test('an endpoint that took no connection is tried again at once with the new certificate', async (t) => {
  // Nobody has signed it that the endpoint knows.
  const { endpoint, session, renew, shown } = await startMesh(t, secureCluster('nameless'));
  t.is((await call(session)).headers['grpc-status'], '14');
  renew(secureCluster('client'));
  t.is(await shown(), client);
  t.is(endpoint.sessions.length, 1);
});

test('another identity is another way to reach the endpoint: its calls take connections of their own', async (t) => {
  const { endpoint, renew, shown } = await startMesh(t, secureCluster('client'));
  t.is(await shown(), client);
  renew(secureCluster('server', { identity: 'secret "other", secret "ROOTCA"' }));
  t.is(await shown(), server);
  t.is(endpoint.sessions.length, 2);
});
