// Any control plane on go-control-plane or java-control-plane: everything comes from OUTRIGGER_* variables.
import type { Preset } from './preset-sources.ts';

export const generic: Preset = (reader) => ({
  server: '',
  tls: null,
  headers: [],
  mode: 'auto',
  nodeId: reader.first('POD_NAME', 'HOSTNAME'),
  nodeCluster: '',
  nodeMetadata: {},
});
