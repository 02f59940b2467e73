// `outrigger mesh`: a whole mesh on this machine.
import type { Command } from './command-line.ts';
import { onEndSignals } from './signals.ts';

export const meshCommand: Command = {
  name: 'mesh',
  summary: 'a whole mesh on this machine: control plane, agents, demo services, traffic, a page',
  details: ['This is what npm start runs. Ctrl-C ends all of it.'],
  flags: [
    { name: 'config', short: 'c', value: 'FILE', help: 'the mesh (mesh.yaml)' },
    { name: 'admin-port', value: 'N', help: 'port of the page (15000); 0 takes any free one' },
  ],
  run: async (flags) => {
    const { runMesh } = await import('../mesh/mesh.ts');
    const mesh = await runMesh({
      configFile: flags.text('config') ?? 'mesh.yaml',
      adminPort: flags.number('admin-port', { min: 0, max: 65_535, fallback: 15_000 }),
    });
    await new Promise<void>((resolve) => onEndSignals({ first: resolve, again: resolve }));
    await mesh.close();
    return 0;
  },
};
