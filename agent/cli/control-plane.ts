// `outrigger control-plane`: the embedded xDS server alone.
import type { Command } from './command-line.ts';
import { onEndSignals } from './signals.ts';

export const controlPlaneCommand: Command = {
  name: 'control-plane',
  summary: 'the embedded xDS server: serves mesh.yaml over ADS, and follows the file',
  details: ['Point any xDS client at it, with a node id that mesh.yaml names.'],
  flags: [
    { name: 'config', short: 'c', value: 'FILE', help: 'what to serve (mesh.yaml)' },
    { name: 'host', value: 'HOST', help: 'where to bind (127.0.0.1)' },
    { name: 'port', value: 'N', help: 'port (18000); 0 takes any free one' },
  ],
  run: async (flags) => {
    const { runControlPlane } = await import('../mesh/control-plane.ts');
    const controlPlane = await runControlPlane({
      configFile: flags.text('config') ?? 'mesh.yaml',
      host: flags.text('host') ?? '127.0.0.1',
      port: flags.number('port', { min: 0, max: 65_535, fallback: 18_000 }),
    });
    await new Promise<void>((resolve) => onEndSignals({ first: resolve, again: resolve }));
    await controlPlane.close();
    return 0;
  },
};
