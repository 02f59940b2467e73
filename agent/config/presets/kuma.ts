// Kuma: the variables of kuma-dp -> a dataplane proxy. What kuma-dp gets from the control plane's /bootstrap is assumed.
import type { PemSource } from '../../../xds/model/bootstrap.ts';
import { filled, type Preset, type PresetReader, plainTls } from './preset-sources.ts';

const defaultUrl = 'https://localhost:5678';
const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export const kuma: Preset = (reader) => {
  const url = reader.first('KUMA_CONTROL_PLANE_URL') || defaultUrl;
  const mesh = reader.first('KUMA_DATAPLANE_MESH') || 'default';
  const name = reader.required('the name of the Dataplane; in Kubernetes POD.NAMESPACE', 'KUMA_DATAPLANE_NAME');
  const resourcePath = reader.first('KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH');
  const resource = resourcePath === '' ? '' : (reader.file(resourcePath) ?? '');
  if (resourcePath !== '' && resource === '') {
    reader.problems.push(`KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH: ${resourcePath} cannot be read, or is empty`);
  }
  const metadata = filled({ 'dataplane.resource': resource });
  const path = reader.first('KUMA_DATAPLANE_RUNTIME_TOKEN_PATH') || serviceAccountToken;
  return {
    server: url.replace(/^https?:\/\//, '').replace(/\/$/, ''),
    tls: url.startsWith('http://') ? null : { ...plainTls, ca: rootOf(reader) },
    headers: [{ kind: 'file', key: 'authorization', prefix: '', path }],
    mode: 'delta',
    nodeId: `${mesh}.${name}`,
    nodeCluster: reader.first('KUMA_DATAPLANE_SERVICE') || name,
    nodeMetadata: {
      'dataplane.proxyType': reader.first('KUMA_DATAPLANE_PROXY_TYPE') || 'dataplane',
      features: [],
      ...metadata,
    },
  };
};

function rootOf(reader: PresetReader): PemSource | null {
  const pem = reader.first('KUMA_CONTROL_PLANE_CA_CERT');
  return pem === '' ? reader.pemFile('KUMA_CONTROL_PLANE_CA_CERT_FILE') : { kind: 'inline', pem };
}
