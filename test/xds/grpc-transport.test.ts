// The way to the server over grpc-js: TLS by files of the bootstrap, and errors that say what is wrong.
// fixtures/loopback-*.pem is a self-signed certificate for 127.0.0.1, which both sides present and trust.
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerCredentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { PemSource, ServerCredentials as WantedCredentials } from '../../xds/model/bootstrap.ts';
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
const file = (path: string): PemSource => ({ kind: 'file', path });
const identity = { certificate: file(certificateFile), privateKey: file(privateKeyFile) };
const both = { ca: file(certificateFile), identity };

/** Names: DNS xds.mesh.test, URI spiffe://mesh.test/control-plane, and a DNS name that holds a URI behind a comma. */
const meshCertificate = readFileSync(new URL('fixtures/mesh-cert.pem', import.meta.url));
const meshTls = ServerCredentials.createSsl(null, [
  { cert_chain: meshCertificate, private_key: readFileSync(new URL('fixtures/mesh-key.pem', import.meta.url)) },
]);

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-transport-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

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
  const untrusted = await open(server.address, { kind: 'tls', ...both, ca: null });
  t.like(untrusted, { code: 14 });
  t.regex(untrusted === 'open' ? untrusted : untrusted.details, /self-signed certificate/);
  t.like(await open(server.address, { kind: 'insecure' }), { code: 14 });
});

test('a certificate file that cannot be read ends the stream, naming the file', async (t) => {
  const end = await open('127.0.0.1:1', { kind: 'tls', ...both, ca: file('/nowhere/ca.pem') });
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

test('certificate files are read again for each connection', async (t) => {
  const server = await AdsServer.start({ credentials: serverTls });
  t.teardown(() => server.stop());
  const ca = join(await folderFor(t), 'ca.pem');
  await writeFile(ca, meshCertificate);
  const credentials: WantedCredentials = { kind: 'tls', ca: file(ca), identity };
  t.like(await open(server.address, credentials), { code: 14 }, 'signed by another one');
  await copyFile(certificateFile, ca);
  t.is(await open(server.address, credentials), 'open');
});

test('a certificate may stand in the bootstrap itself, and be for another name than that of the target', async (t) => {
  const server = await AdsServer.start({ credentials: meshTls });
  t.teardown(() => server.stop());
  const trusting: WantedCredentials = {
    kind: 'tls',
    ca: { kind: 'inline', pem: meshCertificate.toString() },
    identity: null,
  };
  const asTarget = await open(server.address, trusting);
  t.regex(asTarget === 'open' ? asTarget : asTarget.details, /127\.0\.0\.1/);
  t.is(await open(server.address, { ...trusting, serverName: 'xds.mesh.test' }), 'open');
  t.like(await open(server.address, { ...trusting, serverName: 'other.mesh.test' }), { code: 14 });
});

test('the names that a certificate must have one of are matched whole, as DNS name or URI', async (t) => {
  const server = await AdsServer.start({ credentials: meshTls });
  t.teardown(() => server.stop());
  const wanting = (...subjectAltNames: string[]): WantedCredentials => ({
    kind: 'tls',
    ca: { kind: 'inline', pem: meshCertificate.toString() },
    identity: null,
    subjectAltNames,
  });
  t.is(await open(server.address, wanting('spiffe://mesh.test/control-plane')), 'open');
  t.is(await open(server.address, wanting('elsewhere', 'xds.mesh.test')), 'open');
  const refused = await open(server.address, wanting('spiffe://mesh.test/control'));
  t.regex(refused === 'open' ? refused : refused.details, /not for spiffe:\/\/mesh\.test\/control\./);
  t.like(await open(server.address, wanting('spiffe://mesh.test/forged')), { code: 14 });
});

test('headers go with each stream, and a token file is read again for each', async (t) => {
  const server = await AdsServer.start();
  t.teardown(() => server.stop());
  const token = join(await folderFor(t), 'token');
  const transport = createGrpcTransport({
    serverUri: server.address,
    credentials: { kind: 'insecure' },
    features: [],
    metadata: [
      { kind: 'value', key: 'clusterid', value: 'Kubernetes' },
      { kind: 'file', key: 'authorization', prefix: 'Bearer ', path: token },
    ],
  });
  for (const text of ['first', ' renewed\n']) {
    await writeFile(token, text);
    const wire = transport.openSotw({ onOpen() {}, onResponse() {}, onEnd: ({ details }) => t.fail(details) });
    wire.send({ type_url: typeUrls.cluster });
    const stream = await server.nextStream();
    t.is(stream.header('clusterid'), 'Kubernetes');
    t.is(stream.header('authorization'), `Bearer ${text.trim()}`);
    wire.close();
  }
});

test('a token that cannot be read or sent ends the stream, naming the file and never the token', async (t) => {
  const folder = await folderFor(t);
  await writeFile(join(folder, 'empty'), '\n');
  await writeFile(join(folder, 'binary'), 'secret\u0001');
  const ends = ['absent', 'empty', 'binary'].map(
    (name) =>
      new Promise<StreamStatus>((resolve) => {
        const path = join(folder, name);
        createGrpcTransport({
          serverUri: '127.0.0.1:1',
          credentials: { kind: 'insecure' },
          features: [],
          metadata: [{ kind: 'file', key: 'authorization', prefix: '', path }],
        }).openSotw({ onOpen() {}, onResponse() {}, onEnd: resolve });
      }),
  );
  const [absent, empty, binary] = await Promise.all(ends);
  t.regex(absent?.details ?? '', /ENOENT.*absent/);
  t.regex(empty?.details ?? '', /empty is empty; it should hold the value of "authorization"/);
  t.regex(binary?.details ?? '', /binary holds what "authorization" must not be$/);
});

test("a control plane behind a socket file, as Istio's agent is", async (t) => {
  const folder = await folderFor(t);
  const socketFile = join(folder, 'XDS');
  const server = await AdsServer.start({ socketFile });
  t.teardown(() => server.stop());
  for (const serverUri of [`unix:${socketFile}`, `unix://${socketFile}`]) {
    t.is(await open(serverUri, { kind: 'insecure' }), 'open', serverUri);
  }
});
