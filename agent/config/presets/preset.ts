// `--control-plane NAME`: a bootstrap from the environment, as that control plane expects its clients to introduce
// themselves. OUTRIGGER_* variables go before everything that a preset assumes.
import type {
  Bootstrap,
  MetadataSource,
  ParsedBootstrap,
  ServerConfig,
  ServerCredentials,
  WorkloadCertificate,
} from '../../../xds/model/bootstrap.ts';
import { consul } from './consul.ts';
import { envoyGateway } from './envoy-gateway.ts';
import { generic } from './generic.ts';
import { gloo } from './gloo.ts';
import { istio, istioGrpc } from './istio.ts';
import { kuma } from './kuma.ts';
import { type Preset, type PresetDraft, PresetReader, type PresetSources, plainTls } from './preset-sources.ts';

export const PRESET_NAMES = ['istio', 'istio-grpc', 'consul', 'envoy-gateway', 'kuma', 'gloo', 'generic'] as const;

export type PresetName = (typeof PRESET_NAMES)[number];

/** Whose control plane is asked by name, and the port that takes the calls which say the names; for others `null`. */
export function presetOutboundPort(name: PresetName): number | null {
  return name === 'istio-grpc' ? 15_001 : null;
}

const presets: Readonly<Record<PresetName, Preset>> = {
  istio,
  'istio-grpc': istioGrpc,
  consul,
  'envoy-gateway': envoyGateway,
  kuma,
  gloo,
  generic,
};

/** All problems at once, `VARIABLE: text` each. */
export function presetBootstrap(name: PresetName, sources: PresetSources): ParsedBootstrap {
  const reader = new PresetReader(sources);
  const bootstrap = toBootstrap(reader, presets[name](reader));
  return reader.problems.length > 0 ? { problems: reader.problems } : { bootstrap, warnings: reader.warnings };
}

function toBootstrap(reader: PresetReader, draft: PresetDraft): Bootstrap {
  const serverUri = reader.first('OUTRIGGER_XDS_SERVER') || draft.server;
  if (serverUri === '') reader.problems.push('OUTRIGGER_XDS_SERVER: required, host:port of the control plane');
  const credentials = credentialsOf(reader, draft);
  // A socket file does not leave the machine.
  const isClear = credentials.kind === 'insecure' && !serverUri.startsWith('unix:');
  const metadata = headersOf(reader, draft, isClear);
  const sent = metadata.length === 0 ? {} : { metadata };
  const workloadCertificate = workloadCertificateOf(draft, { serverUri, credentials, features: [], ...sent });
  return {
    servers: [{ serverUri, credentials, features: [], mode: draft.mode, ...sent }],
    node: {
      id: reader.first('OUTRIGGER_NODE_ID') || draft.nodeId,
      cluster: reader.first('OUTRIGGER_NODE_CLUSTER') || draft.nodeCluster,
      locality: localityOf(reader),
      metadata: { ...draft.nodeMetadata, ...reader.object('OUTRIGGER_NODE_METADATA') },
    },
    ...(draft.secretServers !== undefined && { secretServers: draft.secretServers }),
    ...(draft.secretFiles !== undefined && { secretFiles: draft.secretFiles }),
    ...(draft.certificateProviders !== undefined && { certificateProviders: draft.certificateProviders }),
    ...(workloadCertificate !== null && { workloadCertificate }),
  };
}

/** Who asks for it shows the token, so none is asked for in clear text. */
function workloadCertificateOf(
  { workloadCertificate: wanted }: PresetDraft,
  controlPlane: ServerConfig,
): WorkloadCertificate | null {
  if (wanted === undefined || controlPlane.credentials.kind === 'insecure') return null;
  const { address, ...others } = wanted;
  return { ...others, authority: address === null ? controlPlane : { ...controlPlane, serverUri: address } };
}

function credentialsOf(reader: PresetReader, { tls }: PresetDraft): ServerCredentials {
  const wanted = reader.first('OUTRIGGER_XDS_TLS');
  if (wanted !== '' && wanted !== 'on' && wanted !== 'off')
    reader.problems.push('OUTRIGGER_XDS_TLS: must be on or off');
  const own = {
    ca: reader.pemFile('OUTRIGGER_XDS_CA_FILE'),
    certificate: reader.pemFile('OUTRIGGER_XDS_CERTIFICATE_FILE'),
    privateKey: reader.pemFile('OUTRIGGER_XDS_KEY_FILE'),
  };
  const isAsked = wanted === 'on' || Object.values(own).some((file) => file !== null);
  if (wanted === 'off' || (tls === null && !isAsked)) return { kind: 'insecure' };
  const base = tls ?? plainTls;
  const certificate = own.certificate ?? base.certificate;
  const privateKey = own.privateKey ?? base.privateKey;
  if ((certificate === null) !== (privateKey === null)) {
    reader.problems.push('OUTRIGGER_XDS_CERTIFICATE_FILE and OUTRIGGER_XDS_KEY_FILE: need each other');
  }
  const serverName = reader.first('OUTRIGGER_XDS_SERVER_NAME') || base.serverName;
  return {
    kind: 'tls',
    ca: own.ca ?? base.ca,
    identity: certificate === null || privateKey === null ? null : { certificate, privateKey },
    ...(serverName === null ? {} : { serverName }),
  };
}

/** A token of the user's own takes the place of the one that the preset knows. In clear text there is none. */
function headersOf(reader: PresetReader, { headers }: PresetDraft, isClear: boolean): MetadataSource[] {
  const path = reader.first('OUTRIGGER_XDS_TOKEN_FILE');
  const others = headers.filter(({ key }) => key !== 'authorization');
  if (path === '' && !isClear) return [...headers];
  if (path === '') {
    if (others.length < headers.length) reader.warnings.push('OUTRIGGER_XDS_TLS: off, so the token is not sent');
    return others;
  }
  if (isClear) reader.problems.push('OUTRIGGER_XDS_TOKEN_FILE: a token is sent over TLS only');
  return [...others, { kind: 'file', key: 'authorization', prefix: 'Bearer ', path }];
}

/** `region/zone/sub-zone`; what is behind may be left out. */
function localityOf(reader: PresetReader): Bootstrap['node']['locality'] {
  const [region = '', zone = '', subZone = ''] = reader.first('OUTRIGGER_NODE_LOCALITY').split('/');
  return { region, zone, subZone };
}
