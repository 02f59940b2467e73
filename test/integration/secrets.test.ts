// Mutual TLS by secrets, from ADS and from a server of their own, through a whole agent, and through Envoy by the same
// control plane: client -> outbound, which shows a certificate -> inbound, which asks for one -> app.
import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { FilterChain } from '../../xds/model/listener.ts';
import type { Resource } from '../../xds/model/resource.ts';
import type { CertificateSecret } from '../../xds/model/secret.ts';
import type { SecretReference, SecretSource, SubjectAltName } from '../../xds/model/tls.ts';
import { type ClientStatusResponse, loadProtos } from '../../xds/protos.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { envoyMissing, startEnvoy } from '../support/envoy-process.ts';
import { cluster, endpoints, listener, plainMesh } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');
const fromAds: SecretSource = { kind: 'ads' };

function certificate(name: string, file: string): { readonly type: 'secret'; readonly value: CertificateSecret } {
  const [certificateChainPem, privateKeyPem] = [pem(file), pem(`${file}-key`)];
  return { type: 'secret', value: { kind: 'certificate', name, certificateChainPem, privateKeyPem } };
}

function mesh(name: string): SubjectAltName {
  return { kind: 'uri', match: { kind: 'exact', value: `spiffe://mesh.test/${name}`, ignoreCase: false } };
}

const roots: Resource = {
  type: 'secret',
  value: { kind: 'validation', name: 'ROOTCA', trustedCaPem: pem('ca'), subjectAltNames: [] },
};

interface Sides {
  readonly appPort: number;
  /** Where the inbound side listens; 0 as long as nobody knows. */
  readonly inboundPort: number;
  /** Where the certificate comes from that the outbound side shows. */
  readonly own: SecretSource;
  /** Whom the inbound side takes. */
  readonly clients: readonly string[];
  /** What the inbound side shows. */
  readonly server: string;
}

function snapshot({ appPort, inboundPort, own, clients, server }: Sides): Resource[] {
  const reference = (name: string, source = fromAds): SecretReference => ({ name, source });
  const none = { certificateChainPem: null, privateKeyPem: null, trustedCaPem: null };
  const inbound = listener('in', 'inbound', 'app-routes');
  const [plain] = inbound.filterChains;
  const secure: FilterChain = {
    ...plain!,
    tls: {
      ...none,
      requireClientCertificate: true,
      subjectAltNames: clients.map(mesh),
      secrets: { certificate: reference('server'), validation: reference('ROOTCA') },
    },
  };
  const tls = {
    ...none,
    sni: null,
    subjectAltNames: [mesh('echo'), mesh('shop')],
    secrets: { certificate: reference('default', own), validation: reference('ROOTCA') },
  };
  return [
    ...plainMesh('app', 'inbound', [appPort]).filter(({ type }) => type !== 'listener'),
    { type: 'listener', value: { ...inbound, filterChains: [secure] } },
    ...plainMesh('out', 'outbound', [1]).filter(({ type }) => type === 'listener' || type === 'route'),
    { type: 'cluster', value: { ...cluster('out'), tls } },
    { type: 'endpoints', value: endpoints('out', [inboundPort]) },
    roots,
    certificate('server', server),
  ];
}

async function serverOf(t: ExecutionContext) {
  const server = createXdsServer({ log: () => {} });
  t.teardown(() => server.close());
  return { server, port: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

test('secrets are fetched from both servers, renewed under load without a failed call, and never shown', async (t) => {
  const [app, ads, sds] = await Promise.all([startEchoServer(), serverOf(t), serverOf(t)]);
  const own: SecretSource = { kind: 'target', name: `127.0.0.1:${sds.port}`, mode: 'sotw' };
  const sides: Sides = { appPort: app.port, inboundPort: 0, own, clients: ['shop', 'echo'], server: 'server' };
  sds.server.setSnapshot('node', [certificate('default', 'client')]);
  ads.server.setSnapshot('node', snapshot(sides));
  const agent = await startAgentProcess({
    xdsPort: ads.port,
    node: 'node',
    args: ['--log-level', 'debug', '--csds-port', '0'],
  });
  t.teardown(async () => {
    await agent.stop();
    await app.stop();
  });
  const inboundPort = await agent.listenerPort('in');
  ads.server.setSnapshot('node', snapshot({ ...sides, inboundPort }));
  const client = new EchoClient(await agent.listenerPort('out'), 'out');
  t.teardown(() => client.close());
  while ((await client.unary(Buffer.from('hello'))).status.code !== grpc.status.OK);

  let isRenewed = false;
  let calls = 0;
  const work = async (): Promise<void> => {
    for (let after = 0; after < 50; calls++) {
      const { status } = await client.unary(Buffer.from('hello'));
      t.is(status.code, grpc.status.OK, status.details);
      if (isRenewed) after++;
    }
  };
  const working = Promise.all([work(), work()]);
  // Each side shows what the other one showed.
  sds.server.setSnapshot('node', [certificate('default', 'server')]);
  ads.server.setSnapshot('node', snapshot({ ...sides, inboundPort, server: 'client' }));
  const dumped = async () => (await agent.get('/config_dump')).text;
  const isServing = (text: string) => {
    const { serving } = JSON.parse(text);
    const [inbound] = serving.listener.filter(({ name }: { name: string }) => name === 'in');
    const [outbound] = serving.cluster.filter(({ name }: { name: string }) => name === 'out');
    const shown = [inbound.filterChains[0].tls, outbound.tls].map((tls) => tls?.certificateChainPem);
    return shown[0] === pem('client') && shown[1] === pem('server');
  };
  while (!isServing(await dumped())) t.pass();
  isRenewed = true;
  await working;
  t.true(calls >= 100);

  const dump = await dumped();
  const { xds, secretServers, serving } = JSON.parse(dump);
  t.like(xds.secrets, [
    { name: 'ROOTCA', state: 'ACKED' },
    { name: 'server', state: 'ACKED' },
  ]);
  t.like(secretServers, [
    { connected: true, secrets: [{ name: 'default', state: 'ACKED', value: { privateKeyPem: '[redacted]' } }] },
  ]);
  t.is(serving.cluster.find(({ name }: { name: string }) => name === 'out').tls.privateKeyPem, '[redacted]');
  for (const text of [dump, JSON.stringify(agent.lines)]) t.false(text.includes('PRIVATE KEY'));

  // What came of it, for people, for tools and for metrics.
  const { status, text } = await agent.get('/status');
  t.is(status, 200);
  t.regex(text, new RegExp(`^LIVE\n\nxDS server 127.0.0.1:${ads.port}: connected\n {2}secret {4}2 ACKED\n`));
  t.regex(text, new RegExp(`\n\nxDS server 127.0.0.1:${sds.port}: connected\n {2}secret {4}1 ACKED\n$`));
  const csds = await agent.line(({ msg }) => msg === 'client status (CSDS) listens');
  const { config } = await clientStatus(t, Number(csds['port']));
  t.deepEqual(
    config.map(({ client_scope: scope, generic_xds_configs: all }) => [scope, all.length]),
    [
      ['', 10],
      [`127.0.0.1:${sds.port}`, 1],
    ],
  );
  const metrics = (await agent.get('/metrics')).text;
  const connected = `grpc_xds_client_connected{grpc_target="#server",grpc_xds_server="127.0.0.1:${sds.port}"} 1\n`;
  t.true(metrics.includes(connected));
});

function clientStatus(t: ExecutionContext, port: number): Promise<ClientStatusResponse> {
  const { path, requestSerialize, responseDeserialize } = loadProtos().csdsService.FetchClientStatus;
  const asking = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  t.teardown(() => asking.close());
  return new Promise((resolve, reject) => {
    asking.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, response) => {
      if (error === null) resolve(response!);
      else reject(error);
    });
  });
}

test('Envoy takes the same secrets from the same server, and calls through with them', async (t) => {
  if (envoyMissing !== null) {
    t.log(envoyMissing);
    t.pass();
    return;
  }
  const [app, ads] = await Promise.all([startEchoServer(), serverOf(t)]);
  const sides: Sides = { appPort: app.port, inboundPort: 0, own: fromAds, clients: ['shop'], server: 'server' };
  ads.server.setSnapshot('envoy', [...snapshot(sides), certificate('default', 'client')]);
  const envoy = await startEnvoy({ xdsPort: ads.port, node: 'envoy' });
  const found = snapshot({ ...sides, inboundPort: envoy.port('in') });
  ads.server.setSnapshot('envoy', [...found, certificate('default', 'client')]);
  const client = new EchoClient(envoy.port('out'), 'out');
  t.teardown(async () => {
    client.close();
    await envoy.stop();
    await app.stop();
  });
  // Until Envoy has heard of the port, calls fail.
  while ((await client.unary(Buffer.from('hello'))).status.code !== grpc.status.OK);
  t.pass();
});
