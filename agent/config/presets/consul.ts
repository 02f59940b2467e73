// Consul: the variables of its own command line and of its dataplane -> the sidecar proxy of a registered service.
import type { MetadataSource } from '../../../xds/model/bootstrap.ts';
import { filled, type Preset, type PresetReader, plainTls } from './preset-sources.ts';

const defaultAddress = '127.0.0.1:8502';
const tlsPort = ':8503';
const suffix = '-sidecar-proxy';

export const consul: Preset = (reader) => {
  const address = reader.first('CONSUL_GRPC_ADDR') || defaultAddress;
  const [, scheme = '', server = ''] = /^(?:(https?|unix):\/\/)?(.*)$/.exec(address) ?? [];
  const ca = reader.pemFile('CONSUL_GRPC_CACERT', 'CONSUL_CACERT', 'DP_CA_CERTS');
  const isTls = scheme === 'https' || server.endsWith(tlsPort) || ca !== null;
  const proxy = reader.first('DP_PROXY_ID', 'CONSUL_PROXY_ID') || sidecarFor(reader);
  if (proxy === '') {
    reader.problems.push(
      'CONSUL_PROXY_ID or CONSUL_SIDECAR_FOR: required, the id of the sidecar proxy or of its service',
    );
  }
  return {
    server: scheme === 'unix' ? `unix:${server}` : server,
    tls: isTls
      ? {
          ...plainTls,
          ca,
          certificate: reader.pemFile('CONSUL_CLIENT_CERT'),
          privateKey: reader.pemFile('CONSUL_CLIENT_KEY'),
          serverName: reader.first('CONSUL_TLS_SERVER_NAME') || null,
        }
      : null,
    headers: token(reader),
    mode: 'delta',
    nodeId: proxy,
    nodeCluster: proxy.endsWith(suffix) ? proxy.slice(0, -suffix.length) : proxy,
    nodeMetadata: {
      namespace: reader.first('DP_SERVICE_NAMESPACE', 'CONSUL_NAMESPACE') || 'default',
      partition: reader.first('DP_SERVICE_PARTITION', 'CONSUL_PARTITION') || 'default',
      ...filled({ node_name: reader.first('DP_SERVICE_NODE_NAME', 'CONSUL_NODE_NAME') }),
    },
  };
};

function sidecarFor(reader: PresetReader): string {
  const service = reader.first('CONSUL_SIDECAR_FOR');
  return service === '' ? '' : `${service}${suffix}`;
}

function token(reader: PresetReader): MetadataSource[] {
  const key = 'x-consul-token';
  const path = reader.first('CONSUL_HTTP_TOKEN_FILE');
  if (path !== '') return [{ kind: 'file', key, prefix: '', path }];
  const value = reader.first('CONSUL_HTTP_TOKEN', 'DP_CREDENTIAL_STATIC_TOKEN');
  return value === '' ? [] : [{ kind: 'value', key, value }];
}
