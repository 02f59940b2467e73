// Istio: what its injector puts into a pod (variables, token, root certificate, labels) -> who the agent is for istiod.
import type { CertificateProvider, TlsFiles } from '../../../xds/model/bootstrap.ts';
import { filled, type Preset, type PresetDraft, type PresetReader, plainTls } from './preset-sources.ts';

const tokenFile = '/var/run/secrets/tokens/istio-token';
const rootFile = '/var/run/secrets/istio/root-cert.pem';
const secretFolder = '/var/run/secrets/workload-spiffe-uds';
const certificateFolders = ['/var/run/secrets/workload-spiffe-credentials', '/etc/certs'];
/** The static cluster that istiod names. */
const secretServer = 'sds-grpc';
const labelsFile = '/etc/istio/pod/labels';
const defaultAddress = 'istiod.istio-system.svc:15012';
const plainTextPort = ':15010';
/** The one that was run; istiod leaves out what a version does not know. */
const defaultVersion = '1.31.0';

/** A sidecar as Envoy is one: listeners and clusters by wildcard. */
export const istio: Preset = (reader) => draft(reader, 'delta', {});

/** The small configuration that istiod gives to proxyless gRPC. */
export const istioGrpc: Preset = (reader) => {
  const proxyless = draft(reader, 'sotw', { GENERATOR: 'grpc' });
  const folder = reader.first('OUTPUT_CERTS');
  if (folder === '') return proxyless;
  const { workloadCertificate: _, ...others } = proxyless;
  return { ...others, certificateProviders: { default: workloadFiles(folder) } };
};

/** Where an istio-agent keeps the certificate of the workload for proxyless gRPC, and how often that is to look there. */
function workloadFiles(folder: string): CertificateProvider {
  const file = (name: string) => ({ kind: 'file', path: `${folder}/${name}` }) as const;
  return {
    ca: file('root-cert.pem'),
    identity: { certificate: file('cert-chain.pem'), privateKey: file('key.pem') },
    refreshMs: 900_000,
  };
}

function draft(reader: PresetReader, mode: PresetDraft['mode'], extra: Readonly<Record<string, unknown>>): PresetDraft {
  const pod = reader.required('the name of the pod', 'POD_NAME');
  const namespace = reader.required('the namespace of the pod', 'POD_NAMESPACE');
  const ip = reader.required('the IP address by which istiod finds the workload', 'INSTANCE_IP');
  const domain = reader.first('DOMAIN_SUFFIX') || 'cluster.local';
  const config = reader.object('PROXY_CONFIG');
  const metadata = podMetadata(reader, namespace, ip, config);
  const configured = config['discoveryAddress'];
  const server = typeof configured === 'string' && configured !== '' ? configured : defaultAddress;
  const isPlain = server.endsWith(plainTextPort);
  return {
    server,
    tls: isPlain ? null : { ...plainTls, ca: { kind: 'file', path: rootFile } },
    headers: [
      ...(isPlain ? [] : [{ kind: 'file', key: 'authorization', prefix: 'Bearer ', path: tokenFile } as const]),
      { kind: 'value', key: 'clusterid', value: String(metadata['CLUSTER_ID']) },
    ],
    mode,
    nodeId: `sidecar~${ip}~${pod}.${namespace}~${namespace}.svc.${domain}`,
    nodeCluster: `${workloadOf(reader, pod)}.${namespace}`,
    nodeMetadata: { ...metadata, ...extra },
    ...secretSources(reader, namespace),
  };
}

/**
 * Where certificates come from, as an istio-agent has it: from files that somebody has mounted, from the socket of SPIRE or
 * of an istio-agent beside us, or else from istiod, which signs one for the pod's token.
 */
function secretSources(reader: PresetReader, namespace: string): Partial<PresetDraft> {
  const socket = `${secretFolder}/${reader.first('WORKLOAD_IDENTITY_SOCKET_FILE') || 'socket'}`;
  const files = mountedSecrets(reader);
  const others: Partial<PresetDraft> = {
    secretServers: {
      [secretServer]: { serverUri: `unix:${socket}`, credentials: { kind: 'insecure' }, features: [] },
    },
    secretFiles: { [secretServer]: files },
  };
  if (Object.keys(files).length > 0 || reader.exists(socket)) return others;
  const trustDomain = reader.first('TRUST_DOMAIN') || 'cluster.local';
  const account = reader.first('SERVICE_ACCOUNT') || 'default';
  return {
    ...others,
    workloadCertificate: {
      address: reader.first('CA_ADDR') || null,
      roots: { kind: 'file', path: rootFile },
      identity: `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`,
      lifetimeMs: reader.duration('SECRET_TTL', 86_400_000),
      graceRatio: reader.ratio('SECRET_GRACE_PERIOD_RATIO', 0.5),
      secretServer,
      certificateName: 'default',
      rootsName: 'ROOTCA',
      provider: 'default',
    },
  };
}

/** Certificates that somebody else has put into the pod, in one of the folders where an istio-agent looks for them too. */
function mountedSecrets(reader: PresetReader): Readonly<Record<string, TlsFiles>> {
  const folder = certificateFolders.find((path) => reader.file(`${path}/cert-chain.pem`) !== null);
  if (folder === undefined) return {};
  const file = (name: string) => ({ kind: 'file', path: `${folder}/${name}` }) as const;
  const identity = { certificate: file('cert-chain.pem'), privateKey: file('key.pem') };
  return { default: { ca: null, identity }, ROOTCA: { ca: file('root-cert.pem'), identity: null } };
}

/** `ISTIO_META_X=v` is metadata `X: v`, `ISTIO_METAJSON_X` the same in JSON; both go before what we assume. */
function podMetadata(
  reader: PresetReader,
  namespace: string,
  ip: string,
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(reader.env)) {
    if (name.startsWith('ISTIO_META_') && value) given[name.slice('ISTIO_META_'.length)] = value;
    else if (name.startsWith('ISTIO_METAJSON_') && value) {
      given[name.slice('ISTIO_METAJSON_'.length)] = reader.object(name);
    }
  }
  const labels = parseLabels(reader.file(labelsFile) ?? '');
  return {
    ...filled({
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: reader.first('SERVICE_ACCOUNT'),
      NODE_NAME: reader.first('ISTIO_META_NODE_NAME', 'NODE_NAME'),
      INSTANCE_IPS: ip,
    }),
    CLUSTER_ID: 'Kubernetes',
    INTERCEPTION_MODE: 'REDIRECT',
    ISTIO_VERSION: defaultVersion,
    ...(Object.keys(labels).length === 0 ? {} : { LABELS: labels }),
    ...(Object.keys(config).length === 0 ? {} : { PROXY_CONFIG: config }),
    ...given,
  };
}

/** The downward API's lines of `key="value"`. */
function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, key, value] = /^([^=]+)="(.*)"$/.exec(line.trim()) ?? [];
    if (key !== undefined && value !== undefined) labels[key] = value;
  }
  return labels;
}

/** A pod's name without what its controllers put behind the workload's. */
function workloadOf(reader: PresetReader, pod: string): string {
  return reader.first('ISTIO_META_WORKLOAD_NAME') || pod.replace(/(?:-[a-z0-9]{8,10})?-[a-z0-9]{5}$/, '');
}
