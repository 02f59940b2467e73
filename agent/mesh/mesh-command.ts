// `run` of mesh.yaml to the arguments of a process: `{app}` and its like become the facts of the instance.
import { formatAddress } from '../../xds/model/address.ts';
import type { Mesh, MeshCommand, MeshInstance } from '../config/mesh.ts';

/** Throws one sentence where the command names a fact that this instance does not have. */
export function fillCommand(command: MeshCommand, mesh: Mesh, instance: MeshInstance): string[] {
  const { name, app, version, behind } = instance;
  const outbound = mesh.agents.find((agent) => agent.name === behind?.agent)?.outbound ?? null;
  const facts: Readonly<Record<string, string | null>> = {
    name,
    version,
    app: formatAddress(app),
    inbound: behind === null ? null : formatAddress(behind.inbound),
    outbound: outbound === null ? null : formatAddress(outbound),
  };
  return command.map((word) =>
    word.replace(/\{(\w+)\}/g, (_, fact: string) => {
      const value = facts[fact];
      if (typeof value === 'string') return value;
      throw new Error(`${name}: its command names {${fact}}, but it has no ${fact}: ${command.join(' ')}`);
    }),
  );
}
