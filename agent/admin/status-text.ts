// What `outrigger status` prints: whether the agent takes calls, what its control planes have sent, and what is wrong.
import type { ControlPlaneStatus, ResourceStatus } from '../../xds/index.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

/** More of them than these are only counted. */
const maxListed = 20;

/** Lines, each with its end. */
export function formatStatus(
  { ready, reasons, notes }: Readiness,
  controlPlanes: readonly ControlPlaneStatus[],
): string {
  const lines = [ready ? 'LIVE' : 'not ready', ...reasons, ...notes, ...controlPlanes.flatMap(formatControlPlane)];
  return lines.map((line) => `${line}\n`).join('');
}

function formatControlPlane({ server, connected, resources }: ControlPlaneStatus): string[] {
  const byType = Map.groupBy(resources, ({ type }) => type);
  const wrong = resources.filter(({ state }) => state !== 'ACKED');
  return [
    '',
    `xDS server ${server}: ${connected ? 'connected' : 'not connected'}`,
    ...Array.from(byType, ([type, all]) => `  ${type.padEnd(9)} ${countStates(all)}`),
    ...wrong.slice(0, maxListed).map(formatResource),
    ...(wrong.length > maxListed
      ? [`  and ${wrong.length - maxListed} more that are not ACKED: see /config_dump`]
      : []),
  ];
}

function countStates(all: readonly ResourceStatus[]): string {
  const byState = Map.groupBy(all, ({ state }) => state);
  return Array.from(byState, ([state, these]) => `${these.length} ${state}`).join(', ');
}

function formatResource({ type, name, state, accepted, error }: ResourceStatus): string {
  const version = error === null || error.version === '' ? '' : ` (version ${error.version})`;
  const what = error === null ? '' : `: ${error.detail}${version}, at ${new Date(error.at).toISOString()}`;
  const inUse = accepted === null ? 'nothing is in use' : `version ${accepted.version || '""'} is in use`;
  return `  ${type} "${name}" ${state}${what}; ${inUse}`;
}
