// Which colour a service has, everywhere on the page: topology, bars, charts and waterfalls. The colours themselves are
// custom properties of the style sheet, so that light and dark are its business alone.

import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { readTopology } from './topology-graph.ts';

const colourCount = 5;

/** Answers the CSS colour of a service by its name. Strangers (spans of what is not in the mesh) get the neutral one. */
export type ServiceColours = (service: string) => string;

/**
 * Colours by the order in which calls reach the services, so that adding a service never recolours those before it.
 * `traffic`, where the calls come from, is neutral.
 */
export function assignServiceColours(snapshot: MeshSnapshot): ServiceColours {
  const colours = new Map<string, string>();
  for (const { name } of readTopology(snapshot).services) {
    colours.set(name, `var(--service-${colours.size % colourCount})`);
  }
  // Spans name the agent that made them; it has the colour of what it stands beside.
  for (const { name, services } of snapshot.agents) {
    const colour = colours.get(services[0] ?? '');
    if (colour !== undefined && !colours.has(name)) colours.set(name, colour);
  }
  return (service) => colours.get(service) ?? 'var(--service-other)';
}

/**
 * A shade of a service's colour for the `index`th of its parts (versions, methods): the colour itself, a paler one, a
 * stronger one, one beside it on the colour circle, and from there again.
 */
export function shadeOf(colour: string, index: number): string {
  switch (index % 4) {
    case 1:
      return `color-mix(in oklab, ${colour} 58%, var(--panel))`;
    case 2:
      return `color-mix(in oklab, ${colour} 62%, var(--ink))`;
    case 3:
      return `oklch(from ${colour} l c calc(h + 42))`;
    default:
      return colour;
  }
}
