// Envoy Gateway: the agent as the proxy of one Gateway, over mutual TLS with the certificates that Envoy Gateway issues.
import type { Preset } from './preset-sources.ts';

export const envoyGateway: Preset = (reader) => {
  const namespace = reader.first('ENVOY_GATEWAY_NAMESPACE') || 'envoy-gateway-system';
  const folder = reader.first('ENVOY_GATEWAY_CERTS') || '/certs';
  const file = (name: string) => ({ kind: 'file', path: `${folder}/${name}` }) as const;
  return {
    server: `envoy-gateway.${namespace}.svc:18000`,
    tls: {
      ca: file('ca.crt'),
      certificate: file('tls.crt'),
      privateKey: file('tls.key'),
      serverName: 'envoy-gateway',
    },
    headers: [],
    mode: 'delta',
    nodeId: reader.first('ENVOY_POD_NAME', 'POD_NAME', 'HOSTNAME') || 'outrigger',
    nodeCluster: reader.required('the Gateway: NAMESPACE/NAME', 'ENVOY_GATEWAY_CLUSTER', 'OUTRIGGER_NODE_CLUSTER'),
    nodeMetadata: {},
  };
};
