// What the local mesh says when it is up: where to look, and three things to try.
import type { Mesh } from '../config/mesh.ts';

export interface GreetingFacts {
  readonly mesh: Mesh;
  readonly configFile: string;
  readonly pageUrl: string;
  readonly controlPlanePort: number;
  /** The processes of the mesh. */
  readonly parts: readonly { readonly name: string; readonly pid: number | null }[];
}

export function greeting({ mesh, configFile, pageUrl, controlPlanePort, parts }: GreetingFacts): string[] {
  const agents = mesh.agents.map(({ name }) => name).join(', ');
  return [
    '',
    `The mesh of ${configFile} is up: ${mesh.services.map(({ name }) => name).join(', ')}, behind ${agents}.`,
    '',
    `  page            ${pageUrl}`,
    `  control plane   127.0.0.1:${controlPlanePort}, xDS for any client`,
    '',
    'Three things to try:',
    ...thingsToTry(mesh, configFile, parts).map((line, index) => `  ${index + 1}. ${line}`),
    '',
    'Ctrl-C ends all of it.',
    '',
  ];
}

function thingsToTry(mesh: Mesh, configFile: string, parts: GreetingFacts['parts']): string[] {
  const things: string[] = [];
  const split = mesh.services.find((service) => service.split.length > 1);
  if (split !== undefined) {
    const even = split.split.map(({ version }) => `${version}: 50`).join(', ');
    things.push(`Change the split of ${split.name} in ${configFile} to { ${even} }, save, and see the traffic move.`);
  }
  const killable = killableInstance(mesh, parts);
  if (killable !== null) {
    things.push(`Kill an endpoint, \`kill ${killable.pid}\` (${killable.name}), and see its calls go to the others.`);
  }
  things.push('Open one of the last traces on the page: one call through both agents.');
  return things;
}

/** One of which another of the same version is left to take its calls. */
function killableInstance(mesh: Mesh, parts: GreetingFacts['parts']): { name: string; pid: number } | null {
  for (const { instances } of mesh.services) {
    for (const { name, version } of instances) {
      const hasTwin = instances.some((other) => other.name !== name && other.version === version);
      const pid = parts.find((part) => part.name === name)?.pid ?? null;
      if (hasTwin && pid !== null) return { name, pid };
    }
  }
  return null;
}
