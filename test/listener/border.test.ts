// The border of trust, as agent.yaml draws it: who calls is said to those behind it, and nobody may call too often or hold
// too much.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { parseAgentFile } from '../../agent/config/agent-file/agent-file.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { type EchoServer, startEchoServer } from '../support/echo-service.ts';
import { call } from '../support/http2-call.ts';

const fixtures = fileURLToPath(new URL('../http2/fixtures', import.meta.url));
const pem = (name: string) => readFileSync(`${fixtures}/${name}`, 'utf8');

interface Border {
  readonly server: EchoServer;
  /** What the endpoint hears under that name of a call with those fields; a list where there are several. */
  readonly heard: (name: string, fields?: http2.OutgoingHttpHeaders) => Promise<readonly string[]>;
  readonly session: http2.ClientHttp2Session;
  readonly port: number;
}

async function border(t: ExecutionContext, frontend: string, isTls = false): Promise<Border> {
  const server = await startEchoServer();
  const text = `frontends: [{ name: edge, listen: "127.0.0.1:0", routes: [{ backend: a }], ${frontend} }]
backends: { a: { endpoints: ["127.0.0.1:${server.port}"] } }`;
  const options = { name: 'agent.yaml', folder: fixtures, readFile: (path: string) => readFileSync(path) };
  const { resources, problems } = parseAgentFile(text, options);
  t.deepEqual(problems, []);
  const serving = resources.flatMap((resource): ServingResource[] => (resource.type === 'secret' ? [] : [resource]));
  const plane = startDataPlane(serving);
  const port = await plane.port('edge');
  const identity = { ca: pem('ca.pem'), cert: pem('client.pem'), key: pem('client-key.pem') };
  const session = isTls
    ? http2.connect(`https://127.0.0.1:${port}`, { ...identity, rejectUnauthorized: false })
    : http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(async () => {
    session.close();
    plane.stop();
    await server.stop();
  });
  const heard = async (name: string, fields: http2.OutgoingHttpHeaders = {}) => {
    await call(session, fields, Buffer.alloc(5));
    return (server.lastMetadata?.get(name) ?? []).map(String);
  };
  return { server, heard, session, port };
}

test('inside, what a client says of itself passes untouched', async (t) => {
  const { heard } = await border(t, 'direction: inbound');
  t.deepEqual(await heard('x-forwarded-for', { 'x-forwarded-for': '1.2.3.4' }), ['1.2.3.4']);
  t.deepEqual(await heard('x-forwarded-for'), []);
  t.deepEqual(await heard('x-forwarded-client-cert', { 'x-forwarded-client-cert': 'Hash=a' }), ['Hash=a']);
});

test("at an edge the client's address is appended, and what it says of certificates dropped", async (t) => {
  const { heard } = await border(t, 'edge: true');
  t.deepEqual(await heard('x-forwarded-for'), ['127.0.0.1']);
  t.deepEqual(await heard('x-forwarded-for', { 'x-forwarded-for': '1.2.3.4' }), ['1.2.3.4,127.0.0.1']);
  const twice = { 'x-forwarded-for': ['1.2.3.4', '5.6.7.8'] };
  t.deepEqual(await heard('x-forwarded-for', twice), ['1.2.3.4,5.6.7.8,127.0.0.1']);
  t.deepEqual(await heard('x-forwarded-proto', { 'x-forwarded-proto': 'https' }), ['http']);
  t.deepEqual(await heard('x-forwarded-client-cert', { 'x-forwarded-client-cert': 'Hash=a' }), []);
});

test('the address may take the place of what the client says', async (t) => {
  const { heard } = await border(t, 'forwarded_for: overwrite');
  t.deepEqual(await heard('x-forwarded-for', { 'x-forwarded-for': '1.2.3.4' }), ['127.0.0.1']);
});

test('a verified certificate is told in x-forwarded-client-cert, in place of what the client says or behind it', async (t) => {
  const own = 'tls: { cert: server.pem, key: server-key.pem, client_ca: ca.pem }';
  const set = await border(t, `${own}, client_cert_header: set`, true);
  const [element = ''] = await set.heard('x-forwarded-client-cert', { 'x-forwarded-client-cert': 'Hash=forged' });
  t.regex(element, /^Hash=[0-9a-f]{64};Subject="[^"]+"(?:;(?:URI|DNS)=[^;,]+)*$/);
  const append = await border(t, `${own}, client_cert_header: append, forwarded_for: append`, true);
  const both = await append.heard('x-forwarded-client-cert', { 'x-forwarded-client-cert': 'Hash=before' });
  t.deepEqual(both, [`Hash=before,${element}`]);
  t.deepEqual(await append.heard('x-forwarded-proto'), ['https']);
  const clear = await border(t, 'client_cert_header: set');
  t.deepEqual(await clear.heard('x-forwarded-client-cert', { 'x-forwarded-client-cert': 'Hash=forged' }), []);
});

test('calls beyond the rate are refused before they reach an endpoint, gRPC or not', async (t) => {
  for (const [given, code] of [
    ['', '8'],
    [', status: UNAVAILABLE', '14'],
  ] as const) {
    const { server, session } = await border(t, `call_rate: { per_second: 1, burst: 2${given} }`);
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      const { headers, trailers } = await call(session, {}, Buffer.alloc(5));
      answers.push(String(trailers?.['grpc-status'] ?? headers['grpc-status']));
    }
    t.deepEqual(answers, ['0', '0', code, code]);
    t.is(server.calls.length, 2);
    const other = await call(session, { ':method': 'GET', 'content-type': undefined, te: undefined });
    t.is(other.headers[':status'], 429);
  }
});

test('an edge allows fewer calls at once and smaller windows (Envoy, "Configuring Envoy as an edge proxy")', async (t) => {
  const { session } = await border(t, 'edge: true');
  const settings = await new Promise<http2.Settings>((resolve) => session.once('remoteSettings', resolve));
  t.is(settings.maxConcurrentStreams, 100);
  t.is(settings.initialWindowSize, 65_536);
  const own = await border(t, 'edge: true, max_concurrent_streams: 7');
  const given = await new Promise<http2.Settings>((resolve) => own.session.once('remoteSettings', resolve));
  t.is(given.maxConcurrentStreams, 7);
});

test('a client certificate may be optional: none is fine', async (t) => {
  const own = 'tls: { cert: server.pem, key: server-key.pem, client_ca: ca.pem, client_cert: optional }';
  const { heard, port } = await border(t, `${own}, client_cert_header: set`, true);
  t.is((await heard('x-forwarded-client-cert')).length, 1);
  const without = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.is((await call(without, {}, Buffer.alloc(5))).trailers?.['grpc-status'], '0');
  without.close();
});

test('clients are shown the certificate of the name that they ask for', async (t) => {
  const xds = '../../xds/fixtures';
  const list = `[{ cert: server.pem, key: server-key.pem }, { cert: ${xds}/mesh-cert.pem, key: ${xds}/mesh-key.pem }]`;
  const { port } = await border(t, `tls: ${list}`, true);
  const shownTo = async (servername: string): Promise<string> => {
    const options = { host: '127.0.0.1', port, servername, ALPNProtocols: ['h2'], rejectUnauthorized: false };
    const socket = tls.connect(options);
    await once(socket, 'secureConnect');
    const { subject = '' } = socket.getPeerX509Certificate() ?? {};
    socket.destroy();
    return subject;
  };
  t.is(await shownTo('xds.mesh.test'), 'CN=mesh test');
  t.is(await shownTo('echo.test'), 'CN=server');
  t.is(await shownTo('unknown.test'), 'CN=server');
});
