// The way to the server over grpc-js: TLS by files of the bootstrap, and errors that say what is wrong.
// fixtures/loopback-*.pem is a self-signed certificate for 127.0.0.1, which both sides present and trust.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import type { ServerCredentials as WantedCredentials } from '../../xds/bootstrap.ts';
import { createGrpcTransport, type StreamStatus } from '../../xds/transport.ts';
import { AdsServer } from '../support/ads-server.ts';
import { typeUrls } from './messages.ts';

const certificateFile = fileURLToPath(new URL('fixtures/loopback-cert.pem', import.meta.url));
const privateKeyFile = fileURLToPath(new URL('fixtures/loopback-key.pem', import.meta.url));
const certificate = readFileSync(certificateFile);
const serverTls = ServerCredentials.createSsl(
  certificate,
  [{ cert_chain: certificate, private_key: readFileSync(privateKeyFile) }],
  true,
);
const both = { caCertificateFile: certificateFile, certificateFile, privateKeyFile };

/** Opens a stream, sends a request, and says what becomes of it: `open`, or the end. */
function open(serverUri: string, credentials: WantedCredentials): Promise<'open' | StreamStatus> {
  const { promise, resolve } = Promise.withResolvers<'open' | StreamStatus>();
  const stream = createGrpcTransport({ serverUri, credentials, features: [] }).openSotw({
    onOpen: () => resolve('open'),
    onResponse() {},
    onEnd: resolve,
  });
  stream.send({ type_url: typeUrls.cluster });
  return promise.finally(() => stream.close());
}

test('mutual TLS with the files of the bootstrap', async (t) => {
  const server = await AdsServer.start({ credentials: serverTls });
  t.teardown(() => server.stop());
  const transport = createGrpcTransport({
    serverUri: server.address,
    credentials: { kind: 'tls', ...both },
    features: [],
  });
  const wire = transport.openSotw({ onOpen() {}, onResponse() {}, onEnd: ({ details }) => t.fail(details) });
  wire.send({ type_url: typeUrls.cluster });
  const stream = await server.nextStream();
  t.is((await stream.next()).type_url, typeUrls.cluster);
  wire.close();
  await stream.closed();
});

test('without a client certificate, without trust and without TLS the stream ends, saying why', async (t) => {
  const server = await AdsServer.start({ credentials: serverTls });
  t.teardown(() => server.stop());
  const untrusted = await open(server.address, { kind: 'tls', ...both, caCertificateFile: null });
  t.like(untrusted, { code: 14 });
  t.regex(untrusted === 'open' ? untrusted : untrusted.details, /self-signed certificate/);
  t.like(await open(server.address, { kind: 'insecure' }), { code: 14 });
});

test('a certificate file that cannot be read ends the stream, naming the file', async (t) => {
  const end = await open('127.0.0.1:1', { kind: 'tls', ...both, caCertificateFile: '/nowhere/ca.pem' });
  t.like(end, { code: 14 });
  t.regex(end === 'open' ? end : end.details, /ENOENT.*\/nowhere\/ca\.pem/);
});

test("a server that is not there ends the stream at once: when to try again is not the transport's to say", async (t) => {
  const server = await AdsServer.start();
  server.stop();
  for (let attempt = 0; attempt < 3; attempt++) {
    t.like(await open(server.address, { kind: 'insecure' }), { code: 14 });
  }
});

test('a stream that is closed before it is open says nothing more', async (t) => {
  const server = await AdsServer.start();
  t.teardown(() => server.stop());
  const events: string[] = [];
  const transport = createGrpcTransport({
    serverUri: server.address,
    credentials: { kind: 'insecure' },
    features: [],
  });
  const stream = transport.openSotw({
    onOpen: () => events.push('open'),
    onResponse: () => events.push('response'),
    onEnd: () => events.push('end'),
  });
  stream.close();
  stream.send({ type_url: typeUrls.cluster });
  t.is(await open(server.address, { kind: 'insecure' }), 'open');
  t.deepEqual(events, []);
});
