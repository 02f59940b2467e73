// Who took how many of a service's calls, against the split that was configured. Shares are taken over a window of
// recent snapshots: since the start they would lag behind a changed split, over one second they would flicker.

import type { MeshEndpoint, MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';

export interface EndpointShare {
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
export interface ShareWindow {
  readonly configVersion: string;
  readonly samples: readonly { readonly atMs: number; readonly totals: ReadonlyMap<string, number> }[];
}

const windowMs = 15_000;

/** The window after `snapshot`; a new configuration empties it, so that bars answer a changed split at once. */
export function slideWindow(window: ShareWindow | null, snapshot: MeshSnapshot): ShareWindow {
  const totals = new Map(
    snapshot.services.flatMap(({ name, endpoints }) => endpoints.map((each) => [keyOf(name, each), each.callsTotal])),
  );
  const sample = { atMs: snapshot.atMs, totals };
  const configVersion = snapshot.config.version;
  if (window === null || window.configVersion !== configVersion) return { configVersion, samples: [sample] };
  const kept = window.samples.filter(({ atMs }) => atMs < snapshot.atMs && atMs >= snapshot.atMs - windowMs);
  return { configVersion, samples: [...kept, sample] };
}

/** Shares by service and version, in the order of the snapshot's services. */
export function computeShares(window: ShareWindow, snapshot: MeshSnapshot): ServiceShares[] {
  const oldest = window.samples[0]?.totals;
  return snapshot.services.map(({ name, endpoints }) => {
    // An endpoint that is new since the window began has no total to subtract.
    const taken = new Map(
      endpoints.map((each) => [each, Math.max(0, each.callsTotal - (oldest?.get(keyOf(name, each)) ?? 0))]),
    );
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

function keyOf(service: string, { name }: MeshEndpoint): string {
  return `${service} ${name}`;
}

function partOf(part: number, all: number): number | null {
  return all === 0 ? null : part / all;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
