// What goes into a pod (sidecars.md sections 4a and 4b).
import test from 'ava';
import { nearestName } from '../../agent/config/nearest-name.ts';
import { PRESET_NAMES, presetBootstrap } from '../../agent/config/presets/preset.ts';
import type { JsonObject } from '../../agent/inject/json.ts';
import { type PodPlan, planPod } from '../../agent/inject/pod-plan.ts';
import { readSettings } from '../../agent/inject/settings.ts';

function plan(texts: Record<string, string> = {}, spec: JsonObject = {}): PodPlan {
  const found = readSettings([{ texts: { interception: 'redirect', ...texts }, spell: (name) => name }], nearestName);
  if ('problems' in found) throw new Error(found.problems.join());
  return planPod({ spec: { containers: [{ name: 'app' }], ...spec } }, found.settings, '1.2.3');
}

const named = (items: readonly JsonObject[]) => items.map(({ name }) => name);
const agentOf = ({ firstInitContainers, containers }: PodPlan) =>
  [...firstInitContainers, ...containers].find(({ name }) => name === 'outrigger') as JsonObject;
const envOf = (agent: JsonObject) =>
  Object.fromEntries((agent['env'] as JsonObject[]).map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));

test('native: the rules, then the agent, before every other init container, and a probe that holds the app back', (t) => {
  const native = plan();
  t.deepEqual(named(native.firstInitContainers), ['outrigger-rules', 'outrigger']);
  t.deepEqual([native.lastInitContainers, native.containers], [[], []]);
  t.like(agentOf(native), {
    image: 'outrigger:1.2.3',
    restartPolicy: 'Always',
    startupProbe: { httpGet: { path: '/ready', port: 15_020 }, periodSeconds: 1, failureThreshold: 120 },
  });
});

test('classic: the agent before the other containers, held until it is ready, and the rules after the init containers', (t) => {
  const classic = plan({ form: 'classic' });
  t.deepEqual(named(classic.lastInitContainers), ['outrigger-rules']);
  t.deepEqual(named(classic.containers), ['outrigger']);
  const agent = agentOf(classic);
  t.is(agent['restartPolicy'], undefined);
  t.deepEqual(agent['lifecycle'], {
    postStart: { exec: { command: ['node', 'bin/outrigger.js', 'status', '--wait', '120'] } },
  });
});

test('the agent can do nothing but run: its own user, no capability, a read-only root', (t) => {
  t.deepEqual(agentOf(plan({ uid: '4711' }))['securityContext'], {
    runAsUser: 4711,
    runAsGroup: 4711,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
});

test('the rules have NET_ADMIN and NET_RAW and no secret, and are told whom and what to leave alone', (t) => {
  const [rules] = plan({
    uid: '4711',
    'exclude-inbound-ports': '9090',
    'exclude-outbound-ports': '5432',
    'exclude-outbound-cidrs': '10.9.0.0/16',
    'exclude-uids': '99',
    'control-plane': 'istio',
  }).firstInitContainers;
  t.like(rules, { securityContext: { capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] } } });
  t.deepEqual(rules?.['args'], [
    ...['iptables', '--apply', '--uid', '4711', '--outbound-port', '15001', '--inbound-port', '15006'],
    ...['--exclude-inbound-ports', '15020,9090', '--exclude-outbound-ports', '5432'],
    ...['--exclude-outbound-cidrs', '10.9.0.0/16', '--exclude-uids', '99'],
  ]);
  t.deepEqual(rules?.['volumeMounts'], [{ name: 'outrigger-run', mountPath: '/run' }]);
});

test('the agent is told of opaque ports where they are not the usual ones', (t) => {
  const argsOf = (texts: Record<string, string>) => (agentOf(plan(texts))['args'] as string[]).join(' ');
  t.false(argsOf({}).includes('opaque'));
  t.regex(argsOf({ 'opaque-ports': '3306, 9000-9010' }), / --interception redirect --opaque-ports 3306,9000-9010 /);
});

test('without interception there are no rules, and probes stay', (t) => {
  const bare = plan(
    { interception: 'none' },
    { containers: [{ name: 'app', livenessProbe: { tcpSocket: { port: 1 } } }] },
  );
  t.deepEqual(named(bare.firstInitContainers), ['outrigger']);
  t.false((agentOf(bare)['args'] as string[]).includes('--interception'));
  t.deepEqual([bare.volumes, bare.probes], [[], []]);
});

test('the agent is told the pod’s time to end, 30 s where the pod does not say', (t) => {
  const argsOf = (spec: JsonObject) => (agentOf(plan({}, spec))['args'] as string[]).join(' ');
  t.regex(argsOf({}), /--termination-grace-period 30 /);
  t.regex(argsOf({ terminationGracePeriodSeconds: 90 }), /--termination-grace-period 90 /);
});

test('a probe is answered by the agent, which is told what to ask: ports by name, its own time, its headers', (t) => {
  const container = {
    name: 'app',
    ports: [{ name: 'web', containerPort: 8443 }],
    livenessProbe: { httpGet: { path: '/up', port: 'web', scheme: 'HTTPS' }, timeoutSeconds: 3 },
    readinessProbe: { grpc: { port: 50_051, service: 'shop.Cart' } },
    startupProbe: { exec: { command: ['true'] } },
  };
  const changed = plan({}, { containers: [container] });
  t.deepEqual(
    changed.probes.map(({ probe, handler, replacement }) => [probe, handler, replacement]),
    [
      ['livenessProbe', 'httpGet', { path: '/app-health/app/livez', port: 15_020 }],
      ['readinessProbe', 'grpc', { path: '/app-health/app/readyz', port: 15_020 }],
    ],
  );
  t.deepEqual(JSON.parse(String(envOf(agentOf(changed))['OUTRIGGER_APP_PROBES'])), {
    '/app-health/app/livez': { httpGet: { path: '/up', port: 8443, scheme: 'HTTPS' }, timeoutSeconds: 3 },
    '/app-health/app/readyz': { grpc: { port: 50_051, service: 'shop.Cart' }, timeoutSeconds: 1 },
  });
});

for (const preset of PRESET_NAMES) {
  test(`what the preset ${preset} reads is in the pod`, (t) => {
    const agent = agentOf(
      plan({
        'control-plane': preset,
        'xds-server': 'xds.example:1',
        env: 'CONSUL_SIDECAR_FOR=a,ENVOY_GATEWAY_CLUSTER=a/b',
      }),
    );
    const variables = envOf(agent);
    // As the kubelet would fill them.
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, typeof value === 'string' ? value : `${name}-value`]),
    );
    // Workload certificates are for others to mount: without them, none of their paths is named.
    const readFile = (path: string) => (path.endsWith('/cert-chain.pem') ? null : 'text');
    const found = presetBootstrap(preset, { env, readFile, exists: () => false });
    if ('problems' in found) return t.fail(found.problems.join('\n'));
    t.is(found.bootstrap.servers[0]?.serverUri, 'xds.example:1');
    const mounted = ((agent['volumeMounts'] ?? []) as JsonObject[]).map(({ mountPath }) => String(mountPath));
    for (const path of filesOf(found.bootstrap)) {
      const isThere =
        mounted.some((folder) => path.startsWith(`${folder}/`)) || path.startsWith('/var/run/secrets/kubernetes.io/');
      t.true(isThere, `${path} is in no volume`);
    }
    return undefined;
  });
}

/** Every path that a bootstrap names. */
function filesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => (key === 'path' ? [String(member)] : filesOf(member)));
}

test('a bootstrap of one’s own comes inline, or from a ConfigMap', (t) => {
  t.is(envOf(agentOf(plan({ bootstrap: '{"xds_servers":[]}' })))['GRPC_XDS_BOOTSTRAP_CONFIG'], '{"xds_servers":[]}');
  const mapped = plan({ 'bootstrap-config-map': 'mesh' });
  t.is(envOf(agentOf(mapped))['GRPC_XDS_BOOTSTRAP'], '/etc/outrigger/bootstrap.json');
  t.true(mapped.volumes.some(({ configMap }) => (configMap as JsonObject | undefined)?.['name'] === 'mesh'));
});

test('an image keeps its tag, its digest and the port of its registry', (t) => {
  const imageOf = (image: string) => agentOf(plan({ image }))['image'];
  t.is(imageOf('example.com:5000/mesh/outrigger'), 'example.com:5000/mesh/outrigger:1.2.3');
  t.is(imageOf('outrigger:edge'), 'outrigger:edge');
  t.is(imageOf('outrigger@sha256:abc'), 'outrigger@sha256:abc');
});
