// Clusters and listeners that name secrets: what waits for them, what goes on meanwhile, what a data plane gets in the end.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { encodeResource } from '../../xds/encode/resource.ts';
import type { Cluster, SocketMatch } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { anyConnection } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain, Listener } from '../../xds/model/listener.ts';
import type { Secret } from '../../xds/model/secret.ts';
import type { SecretReference, UpstreamTls } from '../../xds/model/tls.ts';
import { type AnyMessage, loadProtos } from '../../xds/protos.ts';
import * as model from '../support/resources.ts';
import { follow, type Mesh, named, turns } from './mesh-harness.ts';
import { listener, route, typeUrls } from './messages.ts';

const { pack } = loadProtos();
const pem = (file: string): string => readFileSync(new URL(`../http2/fixtures/${file}.pem`, import.meta.url), 'utf8');

const ads = (name: string): SecretReference => ({ name, source: { kind: 'ads' } });

const mutual: UpstreamTls = {
  certificateChainPem: null,
  privateKeyPem: null,
  trustedCaPem: null,
  sni: null,
  subjectAltNames: [],
  nameCheck: 'chain',
  secrets: { certificate: ads('default'), validation: ads('ROOTCA') },
};

const certificate = (file: string): Secret => ({
  kind: 'certificate',
  name: 'default',
  certificateChainPem: pem(file),
  privateKeyPem: pem(`${file}-key`),
});
const roots: Secret = { kind: 'validation', name: 'ROOTCA', trustedCaPem: pem('ca'), subjectAltNames: [] };

function secrets(...all: readonly Secret[]): Record<string, AnyMessage> {
  return named(...all.map((value) => [value.name, encodeResource({ type: 'secret', value }, pack)] as const));
}

function clusters(...all: readonly Cluster[]): Record<string, AnyMessage> {
  return named(...all.map((value) => [value.name, encodeResource({ type: 'cluster', value }, pack)] as const));
}

/** `labelled` of the ports have the label that asks for mutual TLS. */
function endpointsOf(name: string, ports: readonly number[], labelled = 0): Record<string, AnyMessage> {
  const plain = model.endpoints(name, ports);
  const [locality] = plain.localities;
  const own = locality!.endpoints.map((one, at) =>
    at < labelled ? { ...one, socketLabels: { tlsMode: '"istio"' } } : one,
  );
  const value: ClusterEndpoints = { ...plain, localities: [{ ...locality!, endpoints: own }] };
  return named([name, encodeResource({ type: 'endpoints', value }, pack)]);
}

const plain = { listener: named(['l', listener('l', 'r')]), route: named(['r', route('r', 'a')]) };
const oneSecure = {
  ...plain,
  cluster: clusters({ ...model.cluster('a'), tls: mutual }),
  endpoints: endpointsOf('a', [1]),
};

const auto: readonly SocketMatch[] = [
  { name: 'mutual', labels: { tlsMode: '"istio"' }, socket: { kind: 'tls', tls: mutual } },
  { name: 'off', labels: {}, socket: { kind: 'clear' } },
];
const oneAuto = { ...plain, cluster: clusters({ ...model.cluster('a'), socketMatches: auto }) };

function askedSecrets(mesh: Mesh): readonly string[] | undefined {
  return mesh.controlPlane.requests.filter(({ type_url }) => type_url === typeUrls.secret).at(-1)?.resource_names;
}

function tlsOf(mesh: Mesh): UpstreamTls {
  const tls = mesh.dataPlane.clusters.get('a')?.tls ?? null;
  if (tls === null) throw new Error('cluster a has no TLS');
  return tls;
}

test('a cluster goes out with its secrets inside, and not before each of them has come', async (t) => {
  const mesh = await follow(t, oneSecure);
  t.deepEqual(askedSecrets(mesh), ['ROOTCA', 'default']);
  t.deepEqual(mesh.steps(), []);
  mesh.controlPlane.set('secret', secrets(roots));
  await turns();
  t.deepEqual(mesh.steps(), []);
  t.false(mesh.isReady());
  mesh.controlPlane.set('secret', secrets(roots, certificate('client')));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
  t.true(mesh.isReady());
  const { secrets: _, ...others } = mutual;
  t.deepEqual(tlsOf(mesh), {
    ...others,
    certificateChainPem: pem('client'),
    privateKeyPem: pem('client-key'),
    trustedCaPem: pem('ca'),
    identity: 'secret "default", secret "ROOTCA"',
  });
});

test('a changed secret replaces the certificate; one that is refused or removed changes nothing', async (t) => {
  const mesh = await follow(t, { ...oneSecure, secret: secrets(roots, certificate('client')) });
  mesh.steps();
  const { identity } = tlsOf(mesh);
  mesh.controlPlane.set('secret', secrets(roots, certificate('server')));
  await turns();
  t.deepEqual(mesh.steps(), ['+cluster a']);
  t.like(tlsOf(mesh), { certificateChainPem: pem('server'), identity });
  const broken: Secret = { kind: 'certificate', name: 'default', certificateChainPem: 'x', privateKeyPem: 'y' };
  mesh.controlPlane.set('secret', secrets(roots, broken));
  await turns();
  mesh.controlPlane.set('secret', {});
  await turns();
  mesh.clock.advance(60_000);
  await turns();
  t.deepEqual(mesh.steps(), []);
});

test('a cluster that comes to need a secret goes on as it was until the secret has come, however long that takes', async (t) => {
  const mesh = await follow(t, { ...oneSecure, secret: secrets(roots, certificate('client')) });
  mesh.steps();
  const other = { ...mutual, secrets: { certificate: ads('other'), validation: ads('ROOTCA') } };
  mesh.controlPlane.set('cluster', clusters({ ...model.cluster('a'), tls: other, connectTimeoutMs: 9 }));
  await turns();
  mesh.clock.advance(60_000);
  await turns();
  t.deepEqual(mesh.steps(), []);
  mesh.controlPlane.set('endpoints', endpointsOf('a', [1, 2]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a'], 'what serves gets its new endpoints');
  mesh.controlPlane.set('secret', secrets(roots, { ...certificate('server'), name: 'other' } as Secret));
  await turns();
  t.deepEqual(mesh.steps(), ['+cluster a']);
  t.is(mesh.dataPlane.clusters.get('a')?.connectTimeoutMs, 9);
  t.deepEqual(askedSecrets(mesh), ['ROOTCA', 'other']);
});

test('a secret that does not come in 15 s holds nothing up: calls fail for that reason, and recover when it comes', async (t) => {
  const mesh = await follow(t, { ...oneSecure, secret: secrets(roots) });
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+cluster a', '+route r', '+listener l']);
  t.true(mesh.isReady());
  const reason = 'secret "default" does not exist';
  t.deepEqual(mesh.dataPlane.clusters.get('a')?.discovery, { kind: 'unsupported', reason });
  mesh.controlPlane.set('secret', secrets(roots, certificate('client')));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a']);
  t.is(tlsOf(mesh).certificateChainPem, pem('client'));
});

test('control-planes.md 2.2: secrets of a socket that no endpoint needs are not asked for, and hold nothing up', async (t) => {
  const mesh = await follow(t, { ...oneAuto, endpoints: endpointsOf('a', [1, 2]) });
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
  t.is(askedSecrets(mesh), undefined);
  const [first, second] = mesh.dataPlane.clusters.get('a')?.socketMatches ?? [];
  const reason = 'no endpoint needs secret "default" and secret "ROOTCA", so nobody asks for them';
  t.deepEqual(first?.socket, { kind: 'unsupported', reason });
  t.deepEqual(second?.socket, { kind: 'clear' });

  // The first endpoint that needs them: it goes out once they are there.
  mesh.controlPlane.set('endpoints', endpointsOf('a', [1, 2], 1));
  await turns();
  t.deepEqual(mesh.steps(), []);
  t.deepEqual(askedSecrets(mesh), ['ROOTCA', 'default']);
  mesh.controlPlane.set('secret', secrets(roots, certificate('client')));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a']);
  t.like(mesh.dataPlane.clusters.get('a')?.socketMatches?.[0]?.socket, { tls: { trustedCaPem: pem('ca') } });

  mesh.controlPlane.set('endpoints', endpointsOf('a', [1, 2, 3], 2));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a'], 'more of the same asks for nothing');
  mesh.controlPlane.set('endpoints', endpointsOf('a', [1]));
  await turns();
  t.deepEqual(askedSecrets(mesh), [], 'nobody needs them any more');
});

test('endpoints whose secrets do not come are not held back for ever', async (t) => {
  const mesh = await follow(t, { ...oneAuto, endpoints: endpointsOf('a', [1]) });
  mesh.steps();
  mesh.controlPlane.set('endpoints', endpointsOf('a', [1, 2], 1));
  await turns();
  mesh.controlPlane.set('endpoints', endpointsOf('a', [1, 2, 3], 1));
  await turns();
  t.deepEqual(mesh.steps(), []);
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a']);
  t.deepEqual(mesh.dataPlane.ports('l'), [1, 2, 3]);
  const reason = 'secret "default" does not exist';
  t.deepEqual(mesh.dataPlane.clusters.get('a')?.socketMatches?.[0]?.socket, { kind: 'unsupported', reason });
});

test('endpoints that wait are let go by a cluster that needs no secrets any more', async (t) => {
  const mesh = await follow(t, { ...oneAuto, endpoints: endpointsOf('a', [1]) });
  mesh.controlPlane.set('endpoints', endpointsOf('a', [2], 1));
  await turns();
  mesh.steps();
  mesh.controlPlane.set('cluster', clusters(model.cluster('a')));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a']);
  t.deepEqual(mesh.dataPlane.ports('l'), [2]);
});

function inbound(...chains: readonly FilterChain[]): Record<string, AnyMessage> {
  const value: Listener = { ...model.listener('l', 'inbound', 'r'), filterChains: chains };
  return named(['l', encodeResource({ type: 'listener', value }, pack)]);
}

const [base] = model.listener('l', 'inbound', 'r').filterChains;
const secure: FilterChain = {
  ...base!,
  name: 'secure',
  match: { ...anyConnection, transportProtocol: 'tls' },
  tls: {
    certificateChainPem: null,
    privateKeyPem: null,
    trustedCaPem: null,
    requireClientCertificate: true,
    secrets: { certificate: ads('default'), validation: ads('ROOTCA') },
  },
};
const open: FilterChain = { ...base!, name: 'open', match: { ...anyConnection, transportProtocol: 'raw_buffer' } };

test('a listener waits for the secrets of each chain; after 15 s it opens with those that it can serve', async (t) => {
  const mesh = await follow(t, { ...oneAuto, endpoints: endpointsOf('a', [1]), listener: inbound(secure, open) });
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r']);
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+listener l']);
  const late = mesh.dataPlane.listeners.get('l');
  t.deepEqual(
    late?.filterChains.map(({ name }) => name),
    ['open'],
  );
  t.like(late?.unusableChains, [{ name: 'secure', reason: 'secret "default" does not exist' }]);

  mesh.controlPlane.set('secret', secrets(roots, certificate('server')));
  await turns();
  t.deepEqual(mesh.steps(), ['+listener l']);
  const whole = mesh.dataPlane.listeners.get('l');
  t.deepEqual(
    whole?.filterChains.map(({ name }) => name),
    ['secure', 'open'],
  );
  t.deepEqual(whole?.filterChains[0]?.tls, {
    certificateChainPem: pem('server'),
    privateKeyPem: pem('server-key'),
    trustedCaPem: pem('ca'),
    requireClientCertificate: true,
  });
});

test('a listener of which no chain can be served is not opened, and holds nothing up', async (t) => {
  const mesh = await follow(t, { ...oneAuto, endpoints: endpointsOf('a', [1]), listener: inbound(secure) });
  mesh.clock.advance(15_000);
  await turns();
  t.true(mesh.isReady());
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '-route r']);
});

test('what is not what it should be, or is nowhere, is said by name', async (t) => {
  const cases: readonly (readonly [SecretReference, Secret, string])[] = [
    [ads('default'), { ...roots, name: 'default' }, 'secret "default" is no certificate'],
    [
      { name: 'default', source: { kind: 'cluster', name: 'sds-grpc', mode: 'sotw' } },
      certificate('client'),
      'secret "default" of sds-grpc is at a server that is not known',
    ],
  ];
  for (const [reference, secret, reason] of cases) {
    const tls = { ...mutual, secrets: { certificate: reference, validation: ads('ROOTCA') } };
    const cluster = clusters({ ...model.cluster('a'), tls });
    const mesh = await follow(t, { ...oneSecure, cluster, secret: secrets(roots, secret) });
    t.deepEqual(mesh.dataPlane.clusters.get('a')?.discovery, { kind: 'unsupported', reason });
  }
});
