// The picture from top to bottom, for a narrow screen: one frame a service, agents in one line at the left, what they
// stand beside at their right or indented beneath.

import { type TopologyGraph, type TopologyService, trafficName } from './topology-graph.ts';
import type { Box, Group, Link, Node, TopologyLayout } from './topology-parts.ts';

const padding = 12;
const heading = 26;
const boxHeight = 56;
const stackGap = 12;
const betweenGroups = 58;
/** Where calls run down, measured from the left edge of an agent. */
const trunk = 22;
const trafficWidth = 84;
const laneWidth = 72;
/** An agent beside its instance: it says less than the instance, so it takes less. */
const slimAgentWidth = 112;

export function placeDown(graph: TopologyGraph, width: number): TopologyLayout {
  const groups: Group[] = [];
  const nodes: Node[] = [];
  const links: Link[] = [];
  const agentBoxes = new Map<string, Box>();
  const trafficBox = { x: padding + 1, y: 1, width: trafficWidth, height: 44 };
  nodes.push({ id: trafficName, kind: 'traffic', box: trafficBox });

  let y = trafficBox.height + betweenGroups;
  for (const service of graph.services) {
    const place = service.isCaller ? placeCaller : placeLeaf;
    const group = { x: 1, y, width: width - 2, height: groupHeight(service) };
    // At the right, for calls come down at the left.
    groups.push({ service: service.name, box: group, name: { x: group.width - padding, y: y + 18, anchor: 'end' } });
    agentBoxes.set(service.name, place(service, group, nodes, links));
    y += group.height + betweenGroups;
  }
  for (const edge of graph.edges) {
    const from = edge.from === trafficName ? trafficBox : agentBoxes.get(edge.from);
    const to = agentBoxes.get(edge.to);
    if (from === undefined || to === undefined) continue;
    const x = to.x + trunk;
    const labelY = to.y - heading - betweenGroups / 2;
    links.push({
      id: `${edge.from}>${edge.to}`,
      path: `M${x} ${from.y + from.height}V${to.y}`,
      service: edge.to,
      versionIndex: 0,
      callsPerSecond: edge.callsPerSecond,
      errorRate: edge.errorRate,
      label: { x: x + 14, y: labelY - 2, anchor: 'start' },
      latency: { p50Ms: edge.p50Ms, p99Ms: edge.p99Ms, place: { x: x + 14, y: labelY + 15, anchor: 'start' } },
    });
  }
  return { height: y - betweenGroups + 1, groups, nodes, links };
}

/** The agent at the left, the instances at the right, two lanes between. */
function placeCaller(service: TopologyService, group: Box, nodes: Node[], links: Link[]): Box {
  const { name, endpoints } = service;
  const appWidth = group.width - 2 * padding - laneWidth - slimAgentWidth;
  const box = { x: group.x + padding, y: group.y + heading, width: slimAgentWidth, height: boxHeight };
  nodes.push({ id: `${name} agent`, kind: 'agent', service, box });
  const right = box.x + slimAgentWidth;
  const x = right + laneWidth;
  for (const [index, endpoint] of endpoints.entries()) {
    const y = box.y + index * (boxHeight + stackGap);
    const target = { x, y, width: appWidth, height: boxHeight };
    nodes.push({ id: `${name} ${endpoint.name}`, kind: 'app', service, endpoint, box: target });
  }
  const lanes = [
    { id: 'in', y: box.y + 20, path: `M${right} ${box.y + 20}H${x}`, rate: service.arriving, text: -7 },
    { id: 'out', y: box.y + 38, path: `M${x} ${box.y + 38}H${right}`, rate: service.leaving, text: 18 },
  ];
  for (const lane of lanes) {
    links.push({
      id: `${name} ${lane.id}`,
      path: lane.path,
      service: name,
      versionIndex: 0,
      callsPerSecond: lane.rate,
      errorRate: 0,
      label: { x: right + laneWidth / 2, y: lane.y + lane.text, anchor: 'middle' },
      latency: null,
    });
  }
  return box;
}

/** The agent on top, its endpoints indented beneath, each with a branch of the trunk. */
function placeLeaf(service: TopologyService, group: Box, nodes: Node[], links: Link[]): Box {
  const { name, endpoints } = service;
  const inner = group.width - 2 * padding;
  const box = { x: group.x + padding, y: group.y + heading, width: inner, height: boxHeight };
  nodes.push({ id: `${name} agent`, kind: 'agent', service, box });
  const x = box.x + trunk + 84;
  const down = box.x + trunk;
  for (const [index, endpoint] of endpoints.entries()) {
    const y = box.y + (index + 1) * (boxHeight + stackGap) + 6;
    const target = { x, y, width: box.x + inner - x, height: boxHeight };
    const middle = y + boxHeight / 2;
    nodes.push({ id: `${name} ${endpoint.name}`, kind: 'endpoint', service, endpoint, box: target });
    links.push({
      id: `${name} ${endpoint.name}`,
      path: `M${down} ${box.y + boxHeight}V${middle - 12}Q${down} ${middle} ${down + 12} ${middle}H${x}`,
      service: name,
      versionIndex: endpoint.versionIndex,
      callsPerSecond: endpoint.callsPerSecond,
      errorRate: 0,
      label: { x: x - 10, y: middle - 9, anchor: 'end' },
      latency: null,
    });
  }
  return box;
}

function groupHeight({ isCaller, endpoints }: TopologyService): number {
  const rows = isCaller ? Math.max(1, endpoints.length) : endpoints.length + 1;
  return heading + rows * boxHeight + (rows - 1) * stackGap + padding + (isCaller ? 0 : 6);
}
