// The picture of the mesh: where calls come from, the agents they pass, the endpoints that answer, and how many take
// each way.

import { useMemo, useRef } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { useElementWidth } from './element-width.ts';
import { flowSpeed, useFlow } from './flow.ts';
import { formatDuration, formatRate, formatShare } from './number-format.ts';
import { type ServiceColours, shadeOf } from './service-colours.ts';
import { readTopology, type TopologyGraph } from './topology-graph.ts';
import { layOutTopology } from './topology-layout.ts';
import { TopologyNode } from './topology-node.tsx';
import type { Link, TopologyLayout } from './topology-parts.ts';
import './styles/topology.css';

interface Properties {
  readonly snapshot: MeshSnapshot;
  readonly colours: ServiceColours;
}

export function Topology({ snapshot, colours }: Properties) {
  const [frame, width] = useElementWidth<HTMLDivElement>();
  const picture = useRef<SVGSVGElement>(null);
  useFlow(picture);
  const graph = useMemo(() => readTopology(snapshot), [snapshot]);
  const layout = useMemo<TopologyLayout | null>(
    () => (width === 0 ? null : layOutTopology(graph, width)),
    [graph, width],
  );
  return (
    <div class="topology" ref={frame}>
      {layout !== null && (
        <svg ref={picture} width={width} height={layout.height} role="img" aria-label={describe(graph)}>
          {layout.groups.map(({ service, box, name }) => (
            <g key={service} style={{ color: colours(service) }}>
              <rect class="topology-group" {...box} rx={12} />
              <text class="topology-group-name" x={name.x} y={name.y} text-anchor={name.anchor}>
                {service}
              </text>
            </g>
          ))}
          {layout.links.map((link) => (
            <TopologyLink key={link.id} link={link} colour={shadeOf(colours(link.service), link.versionIndex)} />
          ))}
          {layout.nodes.map((node) => (
            <TopologyNode
              key={node.id}
              node={node}
              colour={node.kind === 'traffic' ? 'var(--service-other)' : colours(node.service.name)}
            />
          ))}
          {layout.links.map((link) => (
            <LinkLabel key={link.id} link={link} />
          ))}
        </svg>
      )}
    </div>
  );
}

function TopologyLink({ link, colour }: { readonly link: Link; readonly colour: string }) {
  const speed = flowSpeed(link.callsPerSecond);
  return (
    <g style={{ color: colour }}>
      <path
        class={speed === 0 ? 'topology-link is-quiet' : 'topology-link'}
        d={link.path}
        stroke-width={widthOf(link)}
      />
      <path class="topology-flow" d={link.path} data-flow={speed.toFixed(1)} style={{ opacity: speed === 0 ? 0 : 1 }} />
    </g>
  );
}

function LinkLabel({ link: { label, latency, callsPerSecond, errorRate } }: { readonly link: Link }) {
  return (
    <>
      <text class="topology-rate" x={label.x} y={label.y} text-anchor={label.anchor}>
        {formatRate(callsPerSecond)}
        <tspan class="topology-unit">/s</tspan>
      </text>
      {latency !== null && latency.p50Ms !== null && (
        <text class="topology-latency" x={latency.place.x} y={latency.place.y} text-anchor={latency.place.anchor}>
          {formatDuration(latency.p50Ms)}
        </text>
      )}
      {latency !== null && errorRate > 0 && (
        <text class="topology-errors" x={latency.place.x} y={latency.place.y + 15} text-anchor={latency.place.anchor}>
          {formatShare(errorRate)} failed
        </text>
      )}
    </>
  );
}

/** The logarithm of the rate, so that a trickle is seen and a flood fits. */
function widthOf({ callsPerSecond }: Link): string {
  return Math.min(11, 2 + 1.3 * Math.log2(1 + callsPerSecond)).toFixed(2);
}

/** The picture in words, for whoever hears it. Without rates, which would be read again each second. */
function describe({ services }: TopologyGraph): string {
  const parts = services.map(({ name, endpoints }) => {
    const up = endpoints.filter((endpoint) => endpoint.up).length;
    return `${name} with its agent and ${endpoints.length} ${endpoints.length === 1 ? 'endpoint' : 'endpoints'}, ${up} up`;
  });
  return `Topology: traffic, then ${parts.join(', then ')}`;
}
