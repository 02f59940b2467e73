// The metrics of an xDS client (gRFC A78, with the states of A88) in their Prometheus spelling. They are counted when they
// are read: a scrape is rare, and an update is not.

import { resourceMessages } from '../../xds/encode/resource.ts';
import type { ControlPlaneStatus, ResourceStatus } from '../../xds/index.ts';
import type { ResourceType } from '../../xds/model/resource.ts';
import { authorityOf } from '../../xds/model/resource-name.ts';
import type { MergedRow } from '../stats/stats-reader.ts';

type Labels = Readonly<Record<string, string>>;

/** A78: what stands for a client that is no channel's. */
const target = { grpc_target: '#server' };
/** A78: of names that are not of the form xdstp:. */
const oldNames = '#old';

export function xdsRows(controlPlanes: readonly ControlPlaneStatus[]): MergedRow[] {
  return [...controlPlanes.flatMap(serverRows), ...resourceRows(controlPlanes)];
}

function serverRows({ server: present, connected, counts }: ControlPlaneStatus): MergedRow[] {
  return [...counts].flatMap(([server, { failures, updates }]) => {
    const labels = { ...target, grpc_xds_server: server };
    const isConnected = connected && server === present;
    return [
      row('gauge', 'grpc_xds_client_connected', labels, isConnected ? 1 : 0),
      row('counter', 'grpc_xds_client_server_failure_total', labels, failures),
      ...Object.entries(updates).flatMap(([type, { valid, invalid }]) => {
        if (valid + invalid === 0) return [];
        const ofType = { ...labels, grpc_xds_resource_type: messageOf(type as ResourceType) };
        return [
          row('counter', 'grpc_xds_client_resource_updates_valid_total', ofType, valid),
          row('counter', 'grpc_xds_client_resource_updates_invalid_total', ofType, invalid),
        ];
      }),
    ];
  });
}

function resourceRows(controlPlanes: readonly ControlPlaneStatus[]): MergedRow[] {
  const sums = new Map<string, { readonly labels: Labels; count: number }>();
  for (const { resources } of controlPlanes) {
    for (const status of resources) {
      const [authority, state] = [authorityOf(status.name) ?? oldNames, cacheState(status)];
      const key = `${authority} ${state} ${status.type}`;
      const sum = sums.get(key);
      if (sum !== undefined) sum.count++;
      else sums.set(key, { labels: resourceLabels(authority, state, status.type), count: 1 });
    }
  }
  return Array.from(sums.values(), ({ labels, count }) => row('gauge', 'grpc_xds_client_resources', labels, count));
}

function resourceLabels(authority: string, state: string, type: ResourceType): Labels {
  return {
    ...target,
    grpc_xds_authority: authority,
    grpc_xds_cache_state: state,
    grpc_xds_resource_type: messageOf(type),
  };
}

/** What is wrong with the newest version says nothing of whether an older one is in use. */
function cacheState({ state, accepted }: ResourceStatus): string {
  const word = state.toLowerCase();
  return accepted === null || state === 'ACKED' ? word : `${word}_but_cached`;
}

function messageOf(type: ResourceType): string {
  return resourceMessages[type];
}

function row(kind: 'counter' | 'gauge', name: string, labels: Labels, value: number): MergedRow {
  return { kind, name, labels, values: Float64Array.of(value) };
}
