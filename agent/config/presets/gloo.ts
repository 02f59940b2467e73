// Gloo Edge: state of the world only, in clear text; the node's role says which proxy's configuration it gets.
import type { Preset } from './preset-sources.ts';

export const gloo: Preset = (reader) => {
  const namespace = reader.first('GLOO_NAMESPACE') || 'gloo-system';
  const role = reader.first('GLOO_ROLE') || `${namespace}~gateway-proxy`;
  const pod = reader.first('POD_NAME', 'HOSTNAME') || 'outrigger';
  return {
    server: `gloo.${namespace}.svc:9977`,
    tls: null,
    headers: [],
    mode: 'sotw',
    nodeId: `${pod}.${reader.first('POD_NAMESPACE') || namespace}`,
    nodeCluster: 'gateway',
    nodeMetadata: { role },
  };
};
