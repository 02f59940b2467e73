// What a placed picture of the mesh consists of. All lengths are pixels, the origin is the upper left corner.

import type { TopologyEndpoint, TopologyService } from './topology-graph.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type Node = { readonly id: string; readonly box: Box } & (
  | { readonly kind: 'traffic' }
  | { readonly kind: 'agent'; readonly service: TopologyService }
  | { readonly kind: 'app'; readonly service: TopologyService; readonly endpoint: TopologyEndpoint }
  | { readonly kind: 'endpoint'; readonly service: TopologyService; readonly endpoint: TopologyEndpoint }
);

interface Label {
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

/** The frame around a service and its agent. */
export interface Group {
  readonly service: string;
  readonly box: Box;
  readonly name: Label;
}

/** A way that calls take. `callsPerSecond` decides its width and the flow on it. */
export interface Link {
  readonly id: string;
  /** An SVG path, in the direction of the calls. */
  readonly path: string;
  readonly service: string;
  readonly versionIndex: number;
  readonly callsPerSecond: number;
  /** Part of the calls that failed, 0 to 1. */
  readonly errorRate: number;
  readonly label: Label;
  /** A second line of the label, where latency is known. */
  readonly latency: { readonly p50Ms: number | null; readonly p99Ms: number | null; readonly place: Label } | null;
}

export interface TopologyLayout {
  readonly height: number;
  readonly groups: readonly Group[];
  readonly nodes: readonly Node[];
  readonly links: readonly Link[];
}
