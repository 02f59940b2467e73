// Who took how many of a service's calls, against the split that was configured. Shares are taken over a window of
// recent snapshots: since the start they would lag behind a changed split, over one second they would flicker.

import type { MeshEndpoint, MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';

interface EndpointShare {
  readonly endpoint: MeshEndpoint;
  /** Part of the service's calls within the window, 0 to 1; null while there were none. */
  readonly share: number | null;
}

export interface VersionShare {
  readonly version: string;
  readonly share: number | null;
  /** What the configuration wants, 0 to 1; null where it names no split. */
  readonly configured: number | null;
  readonly callsTotal: number;
  readonly endpoints: readonly EndpointShare[];
}

export interface ServiceShares {
  readonly service: string;
  readonly versions: readonly VersionShare[];
}

/** Totals of the recent past, oldest first: what `computeShares` subtracts from the newest. */
export type ShareWindow = readonly ShareSample[];

interface ShareSample {
  readonly atMs: number;
  readonly configVersion: string;
  readonly totals: ReadonlyMap<string, number>;
}

const windowMs = 15_000;

/** The window after `snapshot`; a new configuration empties it, so that bars answer a changed split at once. */
export function slideWindow(window: ShareWindow, snapshot: MeshSnapshot): ShareWindow {
  const { atMs, services } = snapshot;
  const configVersion = snapshot.config.version;
  const totals = new Map(
    services.flatMap(({ name, endpoints }) => endpoints.map((each) => [keyOf(name, each), each.callsTotal] as const)),
  );
  const earlier = window.filter((sample) => sample.atMs < atMs && sample.atMs >= atMs - windowMs);
  const same = earlier.filter((sample) => sample.configVersion === configVersion);
  // The first snapshot of a configuration is measured from the last before it, or the bars would vanish for a second.
  const kept = same.length > 0 ? same : earlier.slice(-1);
  return [...kept, { atMs, configVersion, totals }];
}

/** Shares by service and version, in the order of the snapshot's services. */
export function computeShares(window: ShareWindow, snapshot: MeshSnapshot): ServiceShares[] {
  const oldest = window.length > 1 ? window[0]?.totals : undefined;
  return snapshot.services.map(({ name, endpoints }) => {
    const taken = new Map(endpoints.map((each) => [each, takenSince(oldest, name, each)]));
    const takenBy = (members: readonly MeshEndpoint[]) => sum(members.map((each) => taken.get(each) ?? 0));
    const all = takenBy(endpoints);
    const split = snapshot.config.splits.find(({ service }) => service === name)?.shares ?? [];
    const allWeight = sum(split.map(({ weight }) => weight));
    const versions = [...new Set(endpoints.map(({ version }) => version))];
    return {
      service: name,
      versions: versions.map((version) => {
        const members = endpoints.filter((endpoint) => endpoint.version === version);
        const weight = split.find((share) => share.version === version)?.weight ?? 0;
        return {
          version,
          share: partOf(takenBy(members), all),
          configured: split.length === 0 ? null : partOf(weight, allWeight),
          callsTotal: sum(members.map(({ callsTotal }) => callsTotal)),
          endpoints: members.map((endpoint) => ({ endpoint, share: partOf(takenBy([endpoint]), all) })),
        };
      }),
    };
  });
}

/** Calls since the window began; where it has only just begun, the rate of the last seconds stands for them. */
function takenSince(oldest: ReadonlyMap<string, number> | undefined, service: string, endpoint: MeshEndpoint): number {
  if (oldest === undefined) return endpoint.callsPerSecond;
  return Math.max(0, endpoint.callsTotal - (oldest.get(keyOf(service, endpoint)) ?? 0));
}

function keyOf(service: string, { name }: MeshEndpoint): string {
  return `${service} ${name}`;
}

function partOf(part: number, all: number): number | null {
  return all === 0 ? null : part / all;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
