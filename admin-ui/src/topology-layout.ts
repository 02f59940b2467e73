// Places the parts of the mesh in a given width, in pixels: from left to right where there is room, from top to bottom
// on a narrow screen. Pure geometry; topology.tsx draws it.

import { placeAcross, widthAcross } from './topology-across.ts';
import { placeDown } from './topology-down.ts';
import type { TopologyGraph } from './topology-graph.ts';
import type { TopologyLayout } from './topology-parts.ts';

export function layOutTopology(graph: TopologyGraph, width: number): TopologyLayout {
  return width < widthAcross(graph) ? placeDown(graph, width) : placeAcross(graph, width);
}
