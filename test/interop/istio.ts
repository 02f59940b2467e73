// Istio's discovery server in clear text: what it sends by default to those who ask by name; then, also sidecar to sidecar,
// a split that moves, endpoints that come and go, connections that it ends for their age, and a restart, all under load.
// By default sidecars want mutual TLS of each other: that is ./istio-mutual-tls.ts.
import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { Judge } from '../conformance/judge.ts';
import { type ControlPlaneProcess, missing, replaceFile } from './control-plane.ts';
import { silence } from './load.ts';
import { type Introduce, type Introduction, live, type Sidecars } from './sidecars.ts';

const CHURNS = 10;

/** The pod that the node's id and metadata speak of, as the injector would describe it; its istiod is in clear text. */
const byPreset: Introduce = (facts, prefix) => introduce('istio', facts, prefix);

/** The client asks by name, as proxyless gRPC does; beside the endpoint there is a sidecar as always. */
const proxyless: Introduce = (facts, prefix) => {
  if (prefix !== '') return introduce('istio', facts, prefix);
  const { args, env } = introduce('istio-grpc', facts, prefix);
  return { args: [...args, '--outbound-port', '0'], env, listener: 'outbound (on demand)' };
};

function introduce(preset: string, facts: ControlPlaneProcess, prefix: '' | 'SERVER_'): Introduction {
  const [, ip = '', name = ''] = facts.fact(`${prefix}NODE_ID`).split('~');
  const [pod = '', namespace = ''] = name.split('.');
  const { LABELS: labels, ...metadata } = JSON.parse(facts.fact(`${prefix}NODE_METADATA`));
  const meta = Object.entries(metadata).map(([key, value]) => [`ISTIO_META_${key}`, String(value)]);
  return {
    args: ['--control-plane', preset],
    env: {
      ...Object.fromEntries(meta),
      ISTIO_METAJSON_LABELS: JSON.stringify(labels),
      POD_NAME: pod,
      POD_NAMESPACE: namespace,
      INSTANCE_IP: ip,
      OUTRIGGER_XDS_SERVER: facts.fact('XDS'),
      OUTRIGGER_XDS_TLS: 'off',
    },
  };
}

/** Both endpoints answer: one through the sidecar beside it, the other without one. */
async function firstCalls({ load, endpoints }: Sidecars): Promise<void> {
  for (const endpoint of endpoints) await load.more(100, endpoint);
}

async function weights({ load, endpoints, controlPlane }: Sidecars): Promise<void> {
  const path = `${controlPlane().fact('CONFIG')}/traffic.yaml`;
  const original = await readFile(path, 'utf8');
  const [first = '', second = ''] = endpoints;
  for (const [one, other] of [
    [0, 100],
    [100, 0],
    [0, 100],
  ] as const) {
    await replaceFile(path, original.replace('weight: 75', `weight: ${one}`).replace('weight: 25', `weight: ${other}`));
    const wanted = other === 100 ? second : first;
    const unwanted = other === 100 ? first : second;
    // A control plane takes longer than some calls do.
    await silence(load, unwanted);
    await load.more(100, wanted);
    const before = load.answered.get(unwanted) ?? 0;
    await load.more(500);
    const after = load.answered.get(unwanted) ?? 0;
    if (after > before) throw new Error(`${after - before} of 500 calls went to ${unwanted}, whose weight is 0`);
  }
  await replaceFile(path, original);
  await load.more(100, first);
}

/** The second endpoint of the ServiceEntry goes and comes back. */
async function endpointChurn({ load, endpoints, controlPlane }: Sidecars): Promise<void> {
  const path = `${controlPlane().fact('CONFIG')}/echo.yaml`;
  const original = await readFile(path, 'utf8');
  const without = original.replace(/^ {2}- \{address: 127\.0\.0\.1,.*\n/m, '');
  const [first = '', second = ''] = endpoints;
  for (let churn = 0; churn < CHURNS; churn++) {
    await replaceFile(path, without);
    await load.more(200, first);
    await replaceFile(path, original);
    await load.more(50, second);
  }
}

/** An AuthorizationPolicy denies a path at the sidecar of the first endpoint; the second one has no sidecar. */
async function policy({ statusOf }: Sidecars): Promise<void> {
  const seen = new Set<status>();
  for (let call = 0; call < 40; call++) seen.add(await statusOf('/forbidden.Echo/Call'));
  if (!seen.has(status.PERMISSION_DENIED)) throw new Error(`no call was denied: ${[...seen].join()}`);
  for (let call = 0; call < 40; call++) {
    const other = await statusOf('/allowed.Echo/Call');
    if (other !== status.UNIMPLEMENTED) throw new Error(`a call that is allowed ended with ${other}`);
  }
}

/** Istio ends each connection for its age; the agent opens another one, and no more comes of it. */
async function rotation({ load, client }: Sidecars): Promise<void> {
  const endings = (): number => client.lines.filter(({ msg }) => msg.startsWith('the xDS stream was closed')).length;
  await client.line(({ msg }) => msg.startsWith('the xDS stream was closed'));
  await load.more(10_000);
  if (endings() > 20) throw new Error(`${endings()} streams ended in a few seconds`);
}

export const istio: Judge = {
  name: 'Istio',
  judge: async () => {
    const reason = missing('istio');
    if (reason !== null) return [{ kind: 'skipped', name: 'Istio', reason }];
    return [
      ...(await live('istio', 'proxyless, default settings', { FULL: '1' }, proxyless, {
        'first calls': firstCalls,
        'endpoints come and go': endpointChurn,
      })),
      ...(await live('istio', 'proxyless, without auto mTLS', { TRAFFIC: '1', MAX_AGE: '5s' }, proxyless, {
        'first calls': firstCalls,
        'a split that moves': weights,
        'connections that are ended for their age': rotation,
        restart: (sidecars) => sidecars.restartControlPlane(),
      })),
      ...(await live('istio', 'without auto mTLS', { TRAFFIC: '1', MAX_AGE: '5s' }, byPreset, {
        'first calls': firstCalls,
        'an AuthorizationPolicy that denies a path': policy,
        'a split that moves': weights,
        'connections that are ended for their age': rotation,
        restart: (sidecars) => sidecars.restartControlPlane(),
      })),
    ];
  },
};
