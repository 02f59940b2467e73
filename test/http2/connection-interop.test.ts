// Our connections against node:http2 (nghttp2) in both roles, in clear text and over TLS.
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { compileCertificateNames } from '../../agent/grpc/certificate-names.ts';
import { accept, type Connection, clientTls, connect, serverTls } from '../../agent/http2/index.ts';
import type { DownstreamTls, SubjectAltName, UpstreamTls } from '../../xds/model/tls.ts';
import {
  ConnectionLog,
  dial,
  echo,
  echoWith,
  environment,
  requestFields,
  StreamLog,
  serve,
} from './connection-fixture.ts';

const pem = (name: string): string => readFileSync(new URL(`fixtures/${name}.pem`, import.meta.url), 'utf8');
const trustedCaPem = pem('ca');

/** Calls a server with node:http2; answers what came back. */
function call(
  session: http2.ClientHttp2Session,
  body: Buffer,
  metadata: http2.OutgoingHttpHeaders = {},
): Promise<{
  head: http2.IncomingHttpHeaders;
  body: Buffer;
  trailers: http2.IncomingHttpHeaders;
}> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Call', te: 'trailers', ...metadata });
    const chunks: Buffer[] = [];
    let head: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('response', (fields) => {
      head = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => resolve({ head, body: Buffer.concat(chunks), trailers }));
    stream.end(body);
  });
}

test('a node:http2 client calls our server: head, body and trailers come back, small and large', async (t) => {
  const { port, environment: env, log } = await serve(t);
  log.onNewStream = echo(env);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  for (const size of [0, 1, 16_384, 65_536, 3_000_000]) {
    const body = Buffer.alloc(size, 'abcdefghi');
    const answer = await call(session, body);
    t.is(Number(answer.head[':status']), 200);
    t.is(answer.head['content-type'], 'application/grpc');
    t.true(answer.body.equals(body), `${size} bytes`);
    t.is(answer.trailers['grpc-status'], '0');
  }
});

test('a node:http2 client makes 500 calls at once, with metadata of its own each', async (t) => {
  const { port, environment: env, log, connection } = await serve(t);
  log.onNewStream = echo(env);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  const calls = Array.from({ length: 500 }, (_, i) =>
    call(session, Buffer.from(`call ${i}`), { 'x-request-id': `id-${i}`, 'x-kind': 'k' }),
  );
  const answers = await Promise.all(calls);
  for (const [i, { body }] of answers.entries()) t.is(body.toString(), `call ${i}`);
  const ids = log.streams.map(({ events }) =>
    events[0]!.kind === 'headers' ? new Map(events[0]!.entries).get('x-request-id') : '',
  );
  t.is(new Set(ids).size, 500);
  t.is((await connection).activeStreams, 0);
});

test('(31) what our encoder writes, nghttp2 reads as it was, for 500 blocks that differ', async (t) => {
  const server = http2.createServer();
  const seen: http2.IncomingHttpHeaders[] = [];
  server.on('stream', (stream: http2.ServerHttp2Stream, fields: http2.IncomingHttpHeaders) => {
    seen.push(fields);
    stream.respond({ ':status': 200 }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { connection, environment: env } = await dial(t, (server.address() as AddressInfo).port);
  const sent = Array.from({ length: 500 }, (_, i): [string, string][] => [
    ...requestFields.filter(([name]) => name !== ':path'),
    [':path', `/test.Echo/Call${i % 7}`],
    ['x-common', `of ${i % 3}`],
    ['x-long', 'abc def '.repeat(i).trim()],
    ['x-latin', String.fromCharCode(0xa1 + (i % 90))],
    ['authorization', `Bearer ${i}`],
    ['traceparent', `00-${String(i).padStart(32, '0')}-0000000000000001-01`],
  ]);
  for (const fields of sent) {
    const log = new StreamLog();
    connection.openStream(log).sendHeaders(env.shapes.block(fields), true);
    await log.until(() => log.ended);
  }
  for (const [i, fields] of sent.entries()) for (const [name, value] of fields) t.is(seen[i]![name], value);
});

/** One call with our client: sends what is to be sent as the server takes it. */
async function ourCall(connection: Connection, body: Buffer): Promise<StreamLog> {
  const log = new StreamLog();
  const stream = connection.openStream(log);
  stream.sendHeaders(environment('client').shapes.block(requestFields), false);
  stream.sendData(body, 0, body.length, true);
  await log.until(() => log.ended || log.reset !== undefined);
  return log;
}

test('our client calls a node:http2 server, small and large, one by one and at once', async (t) => {
  const port = await echoWith(t, http2.createServer());
  const { connection } = await dial(t, port);
  for (const size of [0, 1, 16_384, 65_536, 3_000_000]) {
    const body = Buffer.alloc(size, 'abcdefghi');
    const log = await ourCall(connection, body);
    t.is(log.reset, undefined);
    t.true(log.body.equals(body), `${size} bytes`);
  }
  const logs = await Promise.all(Array.from({ length: 90 }, (_, i) => ourCall(connection, Buffer.alloc(20_000, i))));
  for (const [i, log] of logs.entries()) t.true(log.body.equals(Buffer.alloc(20_000, i)));
  t.is(connection.activeStreams, 0);
});

test('a node:http2 server that shuts down has its calls finished', async (t) => {
  const server = http2.createServer();
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  const port = await echoWith(t, server);
  const { connection, log } = await dial(t, port);
  const callLog = new StreamLog();
  const stream = connection.openStream(callLog);
  stream.sendHeaders(environment('client').shapes.block(requestFields), false);
  await callLog.until(() => callLog.events.length > 0);
  sessions[0]!.close();
  stream.sendData(Buffer.from('last words'), 0, 10, true);
  await callLog.until(() => callLog.ended);
  t.is(callLog.body.toString(), 'last words');
  t.like(await log.closed, { connected: true, code: 0 });
});

// ---- TLS ---------------------------------------------------------------------------------------------------------

const certificates: DownstreamTls = {
  certificateChainPem: pem('server'),
  privateKeyPem: pem('server-key'),
  trustedCaPem,
  requireClientCertificate: false,
};

const upstreamTls: UpstreamTls = {
  certificateChainPem: null,
  privateKeyPem: null,
  trustedCaPem,
  sni: 'echo.test',
  subjectAltNames: [],
};

const shopTls: UpstreamTls = { ...upstreamTls, certificateChainPem: pem('client'), privateKeyPem: pem('client-key') };

const nameless = {
  certificateChainPem: pem('nameless'),
  privateKeyPem: pem('nameless-key'),
  trustedCaPem: pem('nameless'),
};

function named(kind: SubjectAltName['kind'], value: string): SubjectAltName {
  return { kind, match: { kind: 'exact', value, ignoreCase: false } };
}

const checkOf = (names: readonly SubjectAltName[]) => (names.length === 0 ? null : compileCertificateNames(names));

interface SecureServer {
  readonly port: number;
  readonly log: ConnectionLog;
  readonly failures: string[];
  readonly connections: Connection[];
  /** Resolves with the next failed handshake. */
  readonly failed: Promise<string>;
}

async function serveTls(t: ExecutionContext, tls: DownstreamTls): Promise<SecureServer> {
  const env = environment('server');
  const log = new ConnectionLog();
  log.onNewStream = echo(env);
  const handshakes = serverTls(tls, checkOf(tls.subjectAltNames ?? []), 5000);
  const failures: string[] = [];
  const connections: Connection[] = [];
  let onFailed: (reason: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    onFailed = resolve;
  });
  const server = createServer((socket) => {
    handshakes.secure(
      socket,
      (secure) => connections.push(accept(secure, env, log)),
      (reason) => {
        failures.push(reason);
        onFailed(reason);
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, log, failures, connections, failed };
}

async function dialTls(
  t: ExecutionContext,
  port: number,
  tls: UpstreamTls,
): Promise<{ connection: Connection; log: ConnectionLog }> {
  const log = new ConnectionLog();
  const connection = connect(
    { host: '127.0.0.1', port },
    clientTls(tls, checkOf(tls.subjectAltNames)),
    environment('client'),
    log,
    {
      connectTimeoutMs: 5000,
    },
  );
  t.teardown(() => connection.destroy(0, 'the test is over'));
  await Promise.race([log.connected, log.closed]);
  return { connection, log };
}

test('(5) our client and our server speak h2 over TLS, and each knows the other by its certificate', async (t) => {
  const server = await serveTls(t, { ...certificates, requireClientCertificate: true });
  const { connection } = await dialTls(t, server.port, shopTls);
  const body = Buffer.alloc(500_000, 'secret');
  const log = await ourCall(connection, body);
  t.true(log.body.equals(body));
  t.is(connection.identity.alpn, 'h2');
  t.deepEqual(connection.identity.sans, ['DNS:echo.test', 'URI:spiffe://mesh.test/echo']);
  t.deepEqual(server.connections[0]!.identity.sans, ['URI:spiffe://mesh.test/shop']);
});

test('certificates without a subject, as those of many meshes are, are known by their alternative names', async (t) => {
  const server = await serveTls(t, { ...nameless, requireClientCertificate: true });
  const uri = 'spiffe://mesh.test/nameless';
  const { connection } = await dialTls(t, server.port, {
    ...nameless,
    sni: null,
    subjectAltNames: [named('uri', uri)],
  });
  await ourCall(connection, Buffer.from('hello'));
  for (const { identity } of [connection, server.connections[0]!]) {
    t.deepEqual(identity.sans, [`URI:${uri}`, 'IP Address:127.0.0.1']);
    t.is(identity.subject, '');
  }
});

test('a client without a certificate, or with one of an unknown authority, does not get in where one is required', async (t) => {
  const server = await serveTls(t, { ...certificates, requireClientCertificate: true });
  const { log } = await dialTls(t, server.port, upstreamTls);
  t.true((await log.closed).code === 0 || log.ends.length === 1);
  await server.failed;
  t.is(server.connections.length, 0);
});

test('a server whose certificate has another name, or an unknown authority, is not connected to', async (t) => {
  const server = await serveTls(t, certificates);
  const cases: [UpstreamTls, RegExp][] = [
    [{ ...upstreamTls, sni: 'other.test' }, /other\.test/],
    [
      { ...upstreamTls, subjectAltNames: [named('uri', 'spiffe://mesh.test/other')] },
      /must be "spiffe:\/\/mesh\.test\/other", and none/,
    ],
    [{ ...upstreamTls, subjectAltNames: [named('dns', 'spiffe://mesh.test/echo')] }, /and none does/],
    [{ ...upstreamTls, sni: 'b.test', subjectAltNames: [named('dns', 'echo.test')], nameCheck: 'sni' }, /b\.test/],
    [{ ...upstreamTls, trustedCaPem: null }, /certificate/],
  ];
  for (const [tls, reason] of cases) {
    const { log } = await dialTls(t, server.port, tls);
    const end = await log.closed;
    t.false(end.connected);
    t.regex(end.reason, reason);
  }
  const good: UpstreamTls[] = [
    { ...upstreamTls, sni: null, subjectAltNames: [named('uri', 'spiffe://mesh.test/echo')] },
    { ...upstreamTls, sni: 'other.test', nameCheck: 'chain' },
  ];
  for (const tls of good) t.is((await dialTls(t, server.port, tls)).connection.state, 'open');
});

test('a client whose certificate has another name does not get in, nor one that shows a bad one unasked', async (t) => {
  const wanted = { kind: 'uri', match: { kind: 'prefix', value: 'spiffe://mesh.test/sh', ignoreCase: false } } as const;
  const server = await serveTls(t, { ...certificates, requireClientCertificate: true, subjectAltNames: [wanted] });
  t.is((await dialTls(t, server.port, shopTls)).connection.state, 'open');
  const other = { ...upstreamTls, certificateChainPem: pem('server'), privateKeyPem: pem('server-key') };
  await dialTls(t, server.port, other);
  t.regex(await server.failed, /^the client is refused: a name in its certificate must begin with/);
  t.is(server.connections.length, 1);

  const lenient = await serveTls(t, { ...certificates, requireClientCertificate: false });
  t.is((await dialTls(t, lenient.port, upstreamTls)).connection.state, 'open', 'without a certificate');
  t.is((await dialTls(t, lenient.port, shopTls)).connection.state, 'open', 'with a good one');
  await dialTls(t, lenient.port, { ...upstreamTls, ...nameless, trustedCaPem });
  t.regex(await lenient.failed, /^the client's certificate is not trusted: /);
  t.is(lenient.connections.length, 2);
});

test('(5) a peer that offers no h2 by ALPN gets no connection', async (t) => {
  const server = await serveTls(t, certificates);
  const options: ConnectionOptions = {
    port: server.port,
    host: '127.0.0.1',
    ca: trustedCaPem,
    servername: 'echo.test',
  };
  const socket = connectTls({ ...options, ALPNProtocols: ['http/1.1'] });
  await new Promise<void>((resolve) => {
    socket.once('error', () => resolve());
    socket.once('close', () => resolve());
  });
  const without = connectTls(options);
  without.on('error', () => {});
  await new Promise<void>((resolve) => without.once('close', () => resolve()));
  t.is(server.connections.length, 0);
  t.is(server.failures.length, 2);
});

test('(6) TLS before 1.2, ciphers that RFC 9113 prohibits and renegotiation get no connection (9.2)', async (t) => {
  const server = await serveTls(t, certificates);
  const dialed = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls({
        port: server.port,
        host: '127.0.0.1',
        ca: trustedCaPem,
        servername: 'echo.test',
        ALPNProtocols: ['h2'],
        ...options,
      });
      t.teardown(() => socket.destroy());
      let secured = 'refused';
      socket.once('secureConnect', () => {
        secured = socket.getProtocol() ?? '';
        if (secured !== 'TLSv1.2') resolve(secured);
        else socket.renegotiate({ rejectUnauthorized: true }, (error) => error ?? resolve('renegotiated'));
      });
      socket.once('error', () => resolve(secured));
    });
  const weak = 'DEFAULT@SECLEVEL=0';
  t.is(await dialed({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: weak }), 'refused');
  for (const ciphers of [
    'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-ECDSA-AES256-SHA',
    'ECDHE-RSA-AES128-SHA',
    'AES128-GCM-SHA256',
  ]) {
    t.is(await dialed({ maxVersion: 'TLSv1.2', ciphers }), 'refused', ciphers);
  }
  t.is(server.connections.length, 0);
  t.is(await dialed({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
  t.is(await dialed({}), 'TLSv1.3');
});

test('a node:http2 client over TLS calls our server, and our client a node:http2 server', async (t) => {
  const ours = await serveTls(t, certificates);
  const session = http2.connect(`https://127.0.0.1:${ours.port}`, { ca: trustedCaPem, servername: 'echo.test' });
  t.teardown(() => session.destroy());
  const body = Buffer.alloc(300_000, 'tls');
  t.true((await call(session, body)).body.equals(body));
  const secure = http2.createSecureServer({ cert: pem('server'), key: pem('server-key') });
  const { connection } = await dialTls(t, await echoWith(t, secure), upstreamTls);
  t.true((await ourCall(connection, body)).body.equals(body));
});

test('(95) over TLS too, a response is whole though its client and its server are leaving', async (t) => {
  const server = await serveTls(t, certificates);
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca: trustedCaPem, servername: 'echo.test' });
  const body = Buffer.alloc(2_000_000, 'leaving');
  const answer = call(session, body);
  await server.log.stream(0);
  session.close();
  server.connections[0]!.drain(0);
  const whole = await answer;
  t.true(whole.body.equals(body));
  t.is(whole.trailers['grpc-status'], '0');
  t.is((await server.log.closed).code, 0);
});
