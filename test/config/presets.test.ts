// `--control-plane`: environment and files in, bootstrap out (xds.md section 2.9).
import test from 'ava';
import { PRESET_NAMES, type PresetName, presetBootstrap } from '../../agent/config/presets/preset.ts';
import type { Bootstrap } from '../../xds/index.ts';

type Env = Readonly<Record<string, string>>;
type Files = Readonly<Record<string, string>>;

function parse(name: PresetName, env: Env, files: Files = {}) {
  return presetBootstrap(name, { env, readFile: (path) => files[path] ?? null, exists: (path) => path in files });
}

function bootstrapOf(name: PresetName, env: Env, files: Files = {}): Bootstrap {
  const parsed = parse(name, env, files);
  if ('problems' in parsed) throw new Error(parsed.problems.join('; '));
  return parsed.bootstrap;
}

function problemsOf(name: PresetName, env: Env): readonly string[] {
  const parsed = parse(name, env);
  return 'problems' in parsed ? parsed.problems : [];
}

const file = (path: string) => ({ kind: 'file', path }) as const;

const istioPod: Env = {
  POD_NAME: 'shop-6d4cf56db6-x2x9z',
  POD_NAMESPACE: 'demo',
  INSTANCE_IP: '10.1.2.3',
  SERVICE_ACCOUNT: 'shop',
  ISTIO_META_MESH_ID: 'cluster.local',
  ISTIO_META_INTERCEPTION_MODE: 'NONE',
  ISTIO_METAJSON_ANNOTATIONS: '{"team":"a"}',
};

test('istio: what the injector puts into a pod', (t) => {
  const files = { '/etc/istio/pod/labels': 'app="shop"\nversion="v1"\n' };
  t.deepEqual(bootstrapOf('istio', istioPod, files), {
    servers: [
      {
        serverUri: 'istiod.istio-system.svc:15012',
        credentials: { kind: 'tls', ca: file('/var/run/secrets/istio/root-cert.pem'), identity: null },
        features: [],
        mode: 'delta',
        metadata: [
          { kind: 'file', key: 'authorization', prefix: 'Bearer ', path: '/var/run/secrets/tokens/istio-token' },
          { kind: 'value', key: 'clusterid', value: 'Kubernetes' },
        ],
      },
    ],
    secretServers: {
      'sds-grpc': {
        serverUri: 'unix:/var/run/secrets/workload-spiffe-uds/socket',
        credentials: { kind: 'insecure' },
        features: [],
      },
    },
    secretFiles: { 'sds-grpc': {} },
    workloadCertificate: {
      authority: {
        serverUri: 'istiod.istio-system.svc:15012',
        credentials: { kind: 'tls', ca: file('/var/run/secrets/istio/root-cert.pem'), identity: null },
        features: [],
        metadata: [
          { kind: 'file', key: 'authorization', prefix: 'Bearer ', path: '/var/run/secrets/tokens/istio-token' },
          { kind: 'value', key: 'clusterid', value: 'Kubernetes' },
        ],
      },
      roots: file('/var/run/secrets/istio/root-cert.pem'),
      identity: 'spiffe://cluster.local/ns/demo/sa/shop',
      lifetimeMs: 86_400_000,
      graceRatio: 0.5,
      secretServer: 'sds-grpc',
      certificateName: 'default',
      rootsName: 'ROOTCA',
      provider: 'default',
    },
    node: {
      id: 'sidecar~10.1.2.3~shop-6d4cf56db6-x2x9z.demo~demo.svc.cluster.local',
      cluster: 'shop.demo',
      locality: { region: '', zone: '', subZone: '' },
      metadata: {
        NAMESPACE: 'demo',
        SERVICE_ACCOUNT: 'shop',
        INSTANCE_IPS: '10.1.2.3',
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE',
        ISTIO_VERSION: '1.31.0',
        LABELS: { app: 'shop', version: 'v1' },
        MESH_ID: 'cluster.local',
        ANNOTATIONS: { team: 'a' },
      },
    },
  });
});

test('istio: another address, a plain-text one, another cluster', (t) => {
  const proxyConfig = JSON.stringify({ discoveryAddress: 'istiod-canary.istio-system.svc:15010' });
  const { servers, node } = bootstrapOf('istio', {
    ...istioPod,
    PROXY_CONFIG: proxyConfig,
    ISTIO_META_CLUSTER_ID: 'east',
    DOMAIN_SUFFIX: 'mesh.example',
  });
  t.like(servers[0], {
    serverUri: 'istiod-canary.istio-system.svc:15010',
    credentials: { kind: 'insecure' },
    metadata: [{ kind: 'value', key: 'clusterid', value: 'east' }],
  });
  t.regex(node.id, /~demo\.svc\.mesh\.example$/);
});

test('istio: certificates that are mounted into the pod go before those of a socket', (t) => {
  const folder = '/var/run/secrets/workload-spiffe-credentials';
  const { secretFiles } = bootstrapOf('istio', istioPod, { [`${folder}/cert-chain.pem`]: 'PEM' });
  t.deepEqual(secretFiles, {
    'sds-grpc': {
      default: {
        ca: null,
        identity: { certificate: file(`${folder}/cert-chain.pem`), privateKey: file(`${folder}/key.pem`) },
      },
      ROOTCA: { ca: file(`${folder}/root-cert.pem`), identity: null },
    },
  });
});

test('istio: certificates are asked of istiod only where nothing else has them, and never in clear text', (t) => {
  const asks = (env: Env, files: Files = {}) =>
    bootstrapOf('istio', { ...istioPod, ...env }, files).workloadCertificate;
  t.is(asks({}, { '/var/run/secrets/workload-spiffe-uds/socket': '' }), undefined);
  t.is(asks({ WORKLOAD_IDENTITY_SOCKET_FILE: 's' }, { '/var/run/secrets/workload-spiffe-uds/s': '' }), undefined);
  t.is(asks({}, { '/etc/certs/cert-chain.pem': 'PEM' }), undefined);
  t.is(asks({ OUTRIGGER_XDS_TLS: 'off' }), undefined);
  t.is(asks({ OUTRIGGER_XDS_SERVER: 'istiod:15012' })?.authority.serverUri, 'istiod:15012');
  t.like(asks({ CA_ADDR: 'ca:8060', TRUST_DOMAIN: 'mesh.example', SERVICE_ACCOUNT: '' }), {
    authority: { serverUri: 'ca:8060', credentials: { kind: 'tls' } },
    identity: 'spiffe://mesh.example/ns/demo/sa/default',
  });
  t.like(asks({ SECRET_TTL: '1h30m', SECRET_GRACE_PERIOD_RATIO: '0.2' }), { lifetimeMs: 5_400_000, graceRatio: 0.2 });
  t.deepEqual(problemsOf('istio', { ...istioPod, SECRET_TTL: '1 day', SECRET_GRACE_PERIOD_RATIO: '2' }), [
    'SECRET_TTL: must be a duration above 0 such as 24h or 1h30m',
    'SECRET_GRACE_PERIOD_RATIO: must be a number between 0 and 1',
  ]);
  // Asked for at its very end there would be a time without one; at its beginning, it would be asked for without end.
  for (const ratio of ['0', '1']) {
    t.deepEqual(problemsOf('istio', { ...istioPod, SECRET_GRACE_PERIOD_RATIO: ratio }), [
      'SECRET_GRACE_PERIOD_RATIO: must be a number between 0 and 1',
    ]);
  }
});

test('istio-grpc: the certificates that an istio-agent keeps in OUTPUT_CERTS, by the name that istiod knows', (t) => {
  t.is(bootstrapOf('istio-grpc', istioPod).certificateProviders, undefined);
  const { certificateProviders } = bootstrapOf('istio-grpc', { ...istioPod, OUTPUT_CERTS: '/var/lib/istio/data' });
  const file = (name: string) => ({ kind: 'file', path: `/var/lib/istio/data/${name}` });
  t.deepEqual(certificateProviders as unknown, {
    default: {
      ca: file('root-cert.pem'),
      identity: { certificate: file('cert-chain.pem'), privateKey: file('key.pem') },
      refreshMs: 900_000,
    },
  });
});

test('istio-grpc: state of the world, and the generator of proxyless gRPC', (t) => {
  const { servers, node } = bootstrapOf('istio-grpc', istioPod);
  t.is(servers[0]?.mode, 'sotw');
  t.is(node.metadata['GENERATOR'], 'grpc');
});

test('consul: in clear text to the local agent, with a token', (t) => {
  t.deepEqual(bootstrapOf('consul', { CONSUL_SIDECAR_FOR: 'web-1', CONSUL_HTTP_TOKEN: 'abc' }), {
    servers: [
      {
        serverUri: '127.0.0.1:8502',
        credentials: { kind: 'insecure' },
        features: [],
        mode: 'delta',
        metadata: [{ kind: 'value', key: 'x-consul-token', value: 'abc' }],
      },
    ],
    node: {
      id: 'web-1-sidecar-proxy',
      cluster: 'web-1',
      locality: { region: '', zone: '', subZone: '' },
      metadata: { namespace: 'default', partition: 'default' },
    },
  });
});

test('consul: by the variables of its dataplane, over TLS', (t) => {
  const { servers, node } = bootstrapOf('consul', {
    CONSUL_GRPC_ADDR: 'https://consul.example:8503',
    CONSUL_CACERT: '/ca.pem',
    CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
    CONSUL_HTTP_TOKEN_FILE: '/token',
    DP_PROXY_ID: 'api-sidecar-proxy',
    DP_SERVICE_NODE_NAME: 'node-1',
    DP_SERVICE_NAMESPACE: 'team',
  });
  t.like(servers[0], {
    serverUri: 'consul.example:8503',
    credentials: { kind: 'tls', ca: file('/ca.pem'), identity: null, serverName: 'server.dc1.consul' },
    metadata: [{ kind: 'file', key: 'x-consul-token', prefix: '', path: '/token' }],
  });
  t.like(node, { id: 'api-sidecar-proxy', cluster: 'api' });
  t.deepEqual(node.metadata, { namespace: 'team', partition: 'default', node_name: 'node-1' });
});

test('kuma: the token is the whole header, the Dataplane is in the metadata', (t) => {
  const env = {
    KUMA_CONTROL_PLANE_URL: 'https://kuma.example:5678/',
    KUMA_CONTROL_PLANE_CA_CERT_FILE: '/ca.pem',
    KUMA_DATAPLANE_NAME: 'shop-1',
    KUMA_DATAPLANE_RUNTIME_TOKEN_PATH: '/token',
    KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH: '/dp.yaml',
  };
  const { servers, node } = bootstrapOf('kuma', env, { '/dp.yaml': 'type: Dataplane\n' });
  t.like(servers[0], {
    serverUri: 'kuma.example:5678',
    mode: 'delta',
    credentials: { kind: 'tls', ca: file('/ca.pem'), identity: null },
    metadata: [{ kind: 'file', key: 'authorization', prefix: '', path: '/token' }],
  });
  t.is(node.id, 'default.shop-1');
  t.like(node.metadata, { 'dataplane.resource': 'type: Dataplane\n', 'dataplane.proxyType': 'dataplane' });
  t.deepEqual(problemsOf('kuma', env), ['KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH: /dp.yaml cannot be read, or is empty']);
});

test('envoy-gateway: mutual TLS, and the Gateway as the cluster of the node', (t) => {
  const { servers, node } = bootstrapOf('envoy-gateway', { ENVOY_GATEWAY_CLUSTER: 'default/eg', POD_NAME: 'eg-1' });
  t.like(servers[0], {
    serverUri: 'envoy-gateway.envoy-gateway-system.svc:18000',
    mode: 'delta',
    credentials: {
      kind: 'tls',
      ca: file('/certs/ca.crt'),
      identity: { certificate: file('/certs/tls.crt'), privateKey: file('/certs/tls.key') },
      serverName: 'envoy-gateway',
    },
  });
  t.like(node, { id: 'eg-1', cluster: 'default/eg' });
});

test('gloo: state of the world, and the role', (t) => {
  const { servers, node } = bootstrapOf('gloo', { POD_NAME: 'gw-1', POD_NAMESPACE: 'edge' });
  t.like(servers[0], { serverUri: 'gloo.gloo-system.svc:9977', mode: 'sotw', credentials: { kind: 'insecure' } });
  t.deepEqual(node.metadata, { role: 'gloo-system~gateway-proxy' });
  t.is(node.id, 'gw-1.edge');
  t.deepEqual(bootstrapOf('gloo', { GLOO_ROLE: 'a~b' }).node.metadata, { role: 'a~b' });
});

test('OUTRIGGER_* variables go before what a preset assumes, in each', (t) => {
  const env = {
    ...istioPod,
    CONSUL_PROXY_ID: 'p',
    KUMA_DATAPLANE_NAME: 'd',
    OUTRIGGER_XDS_SERVER: 'xds.example:443',
    OUTRIGGER_XDS_CA_FILE: '/ca',
    OUTRIGGER_XDS_CERTIFICATE_FILE: '/c',
    OUTRIGGER_XDS_KEY_FILE: '/k',
    OUTRIGGER_XDS_SERVER_NAME: 'xds',
    OUTRIGGER_XDS_TOKEN_FILE: '/t',
    OUTRIGGER_NODE_ID: 'me',
    OUTRIGGER_NODE_CLUSTER: 'mine',
    OUTRIGGER_NODE_METADATA: '{"extra":1}',
    OUTRIGGER_NODE_LOCALITY: 'r/z/s',
  };
  for (const name of PRESET_NAMES) {
    const { servers, node } = bootstrapOf(name, env);
    t.like(servers[0], {
      serverUri: 'xds.example:443',
      credentials: {
        kind: 'tls',
        ca: file('/ca'),
        identity: { certificate: file('/c'), privateKey: file('/k') },
        serverName: 'xds',
      },
    });
    const tokens = servers[0]?.metadata?.filter(({ key }) => key === 'authorization');
    t.deepEqual(tokens, [{ kind: 'file', key: 'authorization', prefix: 'Bearer ', path: '/t' }], name);
    t.like(node, { id: 'me', cluster: 'mine', locality: { region: 'r', zone: 'z', subZone: 's' } });
    t.is(node.metadata['extra'], 1);
  }
});

test('what is missing is named, all at once', (t) => {
  t.deepEqual(problemsOf('generic', {}), ['OUTRIGGER_XDS_SERVER: required, host:port of the control plane']);
  t.deepEqual(problemsOf('istio', { PROXY_CONFIG: '[]' }), [
    'POD_NAME: required, the name of the pod',
    'POD_NAMESPACE: required, the namespace of the pod',
    'INSTANCE_IP: required, the IP address by which istiod finds the workload',
    'PROXY_CONFIG: must be a JSON object',
  ]);
  t.deepEqual(problemsOf('consul', {}), [
    'CONSUL_PROXY_ID or CONSUL_SIDECAR_FOR: required, the id of the sidecar proxy or of its service',
  ]);
  t.deepEqual(problemsOf('envoy-gateway', {}), [
    'ENVOY_GATEWAY_CLUSTER or OUTRIGGER_NODE_CLUSTER: required, the Gateway: NAMESPACE/NAME',
  ]);
  t.deepEqual(
    problemsOf('generic', { OUTRIGGER_XDS_SERVER: 'x:1', OUTRIGGER_XDS_TLS: 'yes', OUTRIGGER_XDS_KEY_FILE: '/k' }),
    [
      'OUTRIGGER_XDS_TLS: must be on or off',
      'OUTRIGGER_XDS_CERTIFICATE_FILE and OUTRIGGER_XDS_KEY_FILE: need each other',
    ],
  );
});

test('a token is not sent in clear text over a network', (t) => {
  const clear = parse('istio', { ...istioPod, OUTRIGGER_XDS_TLS: 'off', OUTRIGGER_XDS_SERVER: '127.0.0.1:1' });
  t.like(clear, {
    bootstrap: { servers: [{ metadata: [{ kind: 'value', key: 'clusterid', value: 'Kubernetes' }] }] },
    warnings: ['OUTRIGGER_XDS_TLS: off, so the token is not sent'],
  });
  t.deepEqual(problemsOf('generic', { OUTRIGGER_XDS_SERVER: 'x:1', OUTRIGGER_XDS_TOKEN_FILE: '/t' }), [
    'OUTRIGGER_XDS_TOKEN_FILE: a token is sent over TLS only',
  ]);
  const socket = { ...istioPod, OUTRIGGER_XDS_TLS: 'off', OUTRIGGER_XDS_SERVER: 'unix:/etc/istio/proxy/XDS' };
  t.is(bootstrapOf('istio', socket).servers[0]?.metadata?.[0]?.key, 'authorization');
});
