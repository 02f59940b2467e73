// Consul's agent in its development mode, delta only: mTLS between two sidecars by certificates in the resources, then
// other routes, other certificates, and a control plane that is gone, all under load. It is not started again: the
// development mode keeps nothing, so what comes back is another mesh with another root certificate.
import { status } from '@grpc/grpc-js';
import type { Judge } from '../conformance/judge.ts';
import { missing } from './control-plane.ts';
import { type Introduce, live, type Sidecars } from './sidecars.ts';

const byPreset: Introduce = (facts, prefix) => ({
  args: ['--control-plane', 'consul'],
  env: {
    CONSUL_GRPC_ADDR: facts.fact('XDS'),
    CONSUL_PROXY_ID: facts.fact(`${prefix}NODE_ID`),
    CONSUL_NODE_NAME: JSON.parse(facts.fact(`${prefix}NODE_METADATA`)).node_name,
  },
});

async function firstCalls({ load }: Sidecars): Promise<void> {
  await load.more(1000);
}

async function put({ controlPlane }: Sidecars, path: string, body: unknown): Promise<void> {
  const url = `http://127.0.0.1:${controlPlane().port('ADMIN')}/v1/${path}`;
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`);
}

/** With a splitter the routes of the client's listener move from inline to RDS; then they change. */
async function routes(sidecars: Sidecars): Promise<void> {
  const { load, client } = sidecars;
  const updates = (): number => client.lines.filter(({ msg }) => msg === 'accepted an xDS response').length;
  const subset = { Filter: 'Service.Meta.version == v1' };
  const resolver = {
    Kind: 'service-resolver',
    Name: 'echo',
    DefaultSubset: 'one',
    Subsets: { one: subset, two: subset },
  };
  await put(sidecars, 'config', resolver);
  await load.more(1000);
  for (const weight of [100, 50, 0]) {
    const before = updates();
    const splits = [
      { Weight: weight, ServiceSubset: 'one' },
      { Weight: 100 - weight, ServiceSubset: 'two' },
    ];
    await put(sidecars, 'config', { Kind: 'service-splitter', Name: 'echo', Splits: splits });
    while (updates() === before) await load.more(100);
    await load.more(1000);
  }
  if (!/"kind": ?"rds"/.test((await client.get('/config_dump')).text))
    throw new Error('no listener takes its routes by RDS');
}

/** Another root: each sidecar gets a new certificate, and trusts both roots meanwhile. */
async function certificates(sidecars: Sidecars): Promise<void> {
  const { load, client } = sidecars;
  const serial = async (): Promise<string> =>
    (await client.get('/config_dump')).text.match(/BEGIN CERTIFICATE.{200}/)?.[0] ?? '';
  const before = await serial();
  await put(sidecars, 'connect/ca/configuration', {
    Provider: 'consul',
    Config: { LeafCertTTL: '72h', RotationPeriod: '2160h', PrivateKeyType: 'ec', PrivateKeyBits: 384 },
  });
  while ((await serial()) === before) await load.more(100);
  await load.more(3000);
}

/** Intentions are RBAC at the server's sidecar, by the client's SPIFFE id and the path. */
async function intentions(sidecars: Sidecars): Promise<void> {
  const { load } = sidecars;
  const permissions = [
    { Action: 'deny', HTTP: { PathPrefix: '/forbidden' } },
    { Action: 'allow', HTTP: { PathPrefix: '/' } },
  ];
  const kind = { Kind: 'service-intentions', Name: 'echo' };
  await put(sidecars, 'config', { ...kind, Sources: [{ Name: 'client', Permissions: permissions }] });
  while ((await sidecars.statusOf('/forbidden.Echo/Call')) !== status.PERMISSION_DENIED) await load.more(100);
  const other = await sidecars.statusOf('/allowed.Echo/Call');
  if (other !== status.UNIMPLEMENTED) throw new Error(`a call that is allowed ended with ${other}`);
  await put(sidecars, 'config', { ...kind, Sources: [{ Name: 'client', Action: 'allow' }] });
  while ((await sidecars.statusOf('/forbidden.Echo/Call')) !== status.UNIMPLEMENTED) await load.more(100);
}

async function gone({ load, controlPlane }: Sidecars): Promise<void> {
  await controlPlane().stop();
  await load.more(3000);
}

export const consul: Judge = {
  name: 'Consul',
  judge: async () => {
    const reason = missing('consul');
    if (reason !== null) return [{ kind: 'skipped', name: 'Consul', reason }];
    return live('consul', 'two sidecars with mTLS', {}, byPreset, {
      'first calls': firstCalls,
      'routes that move to RDS and change': routes,
      'intentions that deny a path': intentions,
      'certificates of another root': certificates,
      'the control plane gone': gone,
    });
  },
};
