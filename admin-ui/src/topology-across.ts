// The picture from left to right: a column for each rank of services, the traffic at the left. A service that calls
// others stands above its agent, so that the agent is seen on the way in and on the way out; one that only answers has
// its agent before its endpoints.

import { type TopologyEndpoint, type TopologyGraph, type TopologyService, trafficName } from './topology-graph.ts';
import type { Box, Group, Link, Node, TopologyLayout } from './topology-parts.ts';

const traffic = { width: 78, height: 54 };
const agent = { width: 146, height: 58 };
const app = { width: 146, height: 58 };
const endpoint = { width: 172, height: 58 };
const padding = 14;
const heading = 30;
const laneHeight = 66;
const stackGap = 18;
const groupGap = 22;
/** Between columns, and between an agent and its endpoints: the numbers on the way need the room. */
const narrowestGap = 60;
const widestGap = 150;

/** The least width in which this picture of `graph` can be read. */
export function widthAcross(graph: TopologyGraph): number {
  const { fixed, gaps } = measure(groupByRank(graph.services));
  return fixed + gaps * narrowestGap;
}

function measure(columns: readonly (readonly TopologyService[])[]): { readonly fixed: number; readonly gaps: number } {
  const leafColumns = columns.filter((services) => services.some(({ isCaller }) => !isCaller)).length;
  return {
    // Strokes reach a pixel beyond their boxes on either side.
    fixed: traffic.width + columns.map(columnWidth).reduce((sum, each) => sum + each, 0) + 2,
    gaps: columns.length + leafColumns,
  };
}

export function placeAcross(graph: TopologyGraph, width: number): TopologyLayout {
  const columns = groupByRank(graph.services);
  const columnWidths = columns.map(columnWidth);
  const { fixed, gaps } = measure(columns);
  const gap = Math.min(widestGap, Math.max(narrowestGap, (width - fixed) / gaps));
  const heights = columns.map((services) => stackHeight(services.map(groupHeight), groupGap));
  // Columns stand so that the agents are on one line, which calls then follow straight on.
  const axes = columns.map((services, index) => axisOf(services, heights[index] ?? 0));
  const axis = Math.max(traffic.height / 2, ...axes);
  const height = axis + Math.max(traffic.height / 2, ...axes.map((each, index) => (heights[index] ?? 0) - each)) + 2;

  const groups: Group[] = [];
  const nodes: Node[] = [];
  const links: Link[] = [];
  const agentBoxes = new Map<string, Box>();

  let x = traffic.width + gap + 1;
  for (const [index, services] of columns.entries()) {
    let y = axis - (axes[index] ?? 0) + 1;
    const isLeafColumn = services.some(({ isCaller }) => !isCaller);
    const outerWidth = (columnWidths[index] ?? 0) + (isLeafColumn ? gap : 0);
    for (const service of services) {
      const box = { x, y, width: outerWidth, height: groupHeight(service) };
      groups.push({ service: service.name, box, name: { x: x + padding, y: y + 20, anchor: 'start' } });
      const place = service.isCaller ? placeCaller : placeLeaf;
      agentBoxes.set(service.name, place(service, box, nodes, links));
      y += box.height + groupGap;
    }
    x += outerWidth + gap;
  }

  const entry = graph.edges.find(({ from }) => from === trafficName);
  const entryBox = entry === undefined ? undefined : agentBoxes.get(entry.to);
  const trafficY = entryBox === undefined ? axis : middle(entryBox);
  const trafficBox = { x: 1, y: trafficY - traffic.height / 2, ...traffic };
  nodes.push({ id: trafficName, kind: 'traffic', box: trafficBox });
  for (const edge of graph.edges) {
    const from = edge.from === trafficName ? trafficBox : agentBoxes.get(edge.from);
    const to = agentBoxes.get(edge.to);
    if (from === undefined || to === undefined) continue;
    const labelX = (from.x + from.width + to.x) / 2;
    const labelY = (middle(from) + middle(to)) / 2;
    links.push({
      id: `${edge.from}>${edge.to}`,
      path: curve(from.x + from.width, middle(from), to.x, middle(to)),
      service: edge.to,
      versionIndex: 0,
      callsPerSecond: edge.callsPerSecond,
      errorRate: edge.errorRate,
      label: { x: labelX, y: labelY - 12, anchor: 'middle' },
      latency: { p50Ms: edge.p50Ms, p99Ms: edge.p99Ms, place: { x: labelX, y: labelY + 20, anchor: 'middle' } },
    });
  }
  return { height, groups, nodes, links };
}

function placeCaller(service: TopologyService, group: Box, nodes: Node[], links: Link[]): Box {
  const { name } = service;
  const x = group.x + (group.width - app.width) / 2;
  let y = group.y + heading;
  for (const each of service.endpoints) {
    nodes.push({ id: appId(name, each), kind: 'app', service, endpoint: each, box: { x, y, ...app } });
    y += app.height + stackGap;
  }
  const top = y - stackGap;
  const box = { x, y: top + laneHeight, ...agent };
  nodes.push({ id: `${name} agent`, kind: 'agent', service, box });
  const centre = x + agent.width / 2;
  const lanes = [
    { id: 'in', at: centre - 14, from: box.y, to: top, rate: service.arriving, anchor: 'end' as const, text: -9 },
    { id: 'out', at: centre + 14, from: top, to: box.y, rate: service.leaving, anchor: 'start' as const, text: 9 },
  ];
  for (const lane of lanes) {
    links.push({
      id: `${name} ${lane.id}`,
      path: `M${lane.at} ${lane.from}V${lane.to}`,
      service: name,
      versionIndex: 0,
      callsPerSecond: lane.rate,
      errorRate: 0,
      label: { x: lane.at + lane.text, y: (lane.from + lane.to) / 2 + 4, anchor: lane.anchor },
      latency: null,
    });
  }
  return box;
}

function placeLeaf(service: TopologyService, group: Box, nodes: Node[], links: Link[]): Box {
  const { name, endpoints } = service;
  const inner = group.height - heading - padding;
  const box = { x: group.x + padding, y: group.y + heading + (inner - agent.height) / 2, ...agent };
  nodes.push({ id: `${name} agent`, kind: 'agent', service, box });
  const x = group.x + group.width - padding - endpoint.width;
  let y =
    group.y +
    heading +
    (inner -
      stackHeight(
        endpoints.map(() => endpoint.height),
        stackGap,
      )) /
      2;
  for (const each of endpoints) {
    const target = { x, y, ...endpoint };
    nodes.push({ id: appId(name, each), kind: 'endpoint', service, endpoint: each, box: target });
    links.push({
      id: appId(name, each),
      path: curve(box.x + box.width, middle(box), x, middle(target)),
      service: name,
      versionIndex: each.versionIndex,
      callsPerSecond: each.callsPerSecond,
      errorRate: 0,
      label: { x: x - 10, y: middle(target) - 9, anchor: 'end' },
      latency: null,
    });
    y += endpoint.height + stackGap;
  }
  return box;
}

/** How far below its upper end a column has its agent; a column of several services is taken by its middle. */
function axisOf(services: readonly TopologyService[], height: number): number {
  const [service] = services;
  if (service === undefined || services.length > 1) return height / 2;
  return service.isCaller ? height - padding - agent.height / 2 : heading + (height - heading - padding) / 2;
}

function groupByRank(services: readonly TopologyService[]): TopologyService[][] {
  const columns: TopologyService[][] = [];
  for (const service of services) {
    const column = columns[service.rank] ?? [];
    columns[service.rank] = column;
    column.push(service);
  }
  return columns.filter((column) => column !== undefined);
}

function columnWidth(services: readonly TopologyService[]): number {
  return Math.max(...services.map(fixedWidth));
}

function fixedWidth({ isCaller }: TopologyService): number {
  return isCaller ? app.width + 2 * padding + 8 : agent.width + endpoint.width + 2 * padding;
}

function groupHeight({ isCaller, endpoints }: TopologyService): number {
  const stack = endpoints.map(() => (isCaller ? app.height : endpoint.height));
  const inner = isCaller ? stackHeight(stack, stackGap) + laneHeight + agent.height : stackHeight(stack, stackGap);
  return heading + Math.max(inner, agent.height) + padding;
}

function stackHeight(heights: readonly number[], gap: number): number {
  return heights.reduce((sum, each) => sum + each + gap, heights.length === 0 ? 0 : -gap);
}

function middle({ y, height }: Box): number {
  return y + height / 2;
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const reach = (x2 - x1) / 2;
  return `M${x1} ${y1}C${x1 + reach} ${y1} ${x2 - reach} ${y2} ${x2} ${y2}`;
}

function appId(service: string, { name }: TopologyEndpoint): string {
  return `${service} ${name}`;
}
