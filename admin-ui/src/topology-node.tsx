// One box of the picture: where traffic comes from, an agent, or an instance of a service.

import { worstCondition } from './agent-condition.ts';
import { shadeOf } from './service-colours.ts';
import type { Node } from './topology-parts.ts';

export function TopologyNode({ node, colour }: { readonly node: Node; readonly colour: string }) {
  const { x, y, width, height } = node.box;
  switch (node.kind) {
    case 'traffic':
      return (
        <g style={{ color: colour }}>
          <rect class="topology-traffic" x={x} y={y} width={width} height={height} rx={height / 2} />
          <text class="topology-name" x={x + width / 2} y={y + height / 2 + 4.5} text-anchor="middle">
            traffic
          </text>
        </g>
      );
    case 'agent': {
      const condition = worstCondition(node.service.agents);
      return (
        <g style={{ color: colour }} class={condition.state === 'good' ? '' : 'is-troubled'}>
          <rect class="topology-agent" x={x} y={y} width={width} height={height} rx={10} />
          <Outrigger x={x + 13} y={y + 14} />
          <text class="topology-name" x={x + 36} y={y + 25}>
            {node.service.agents.length > 1 ? `${node.service.agents.length} agents` : 'agent'}
          </text>
          <State x={x + 20} y={y + 42} state={condition.state} />
          <text class="topology-detail" x={x + 36} y={y + 43.5}>
            {condition.words}
          </text>
        </g>
      );
    }
    case 'app':
    case 'endpoint': {
      const { endpoint, service } = node;
      const hasVersions = new Set(service.endpoints.map(({ version }) => version)).size > 1;
      return (
        <g style={{ color: shadeOf(colour, endpoint.versionIndex) }} class={endpoint.up ? '' : 'is-down'}>
          <rect class="topology-endpoint" x={x} y={y} width={width} height={height} rx={10} />
          <State x={x + 18} y={y + 40.5} state={endpoint.up ? 'good' : 'bad'} />
          <text class="topology-name" x={x + 14} y={y + 24}>
            {endpoint.name}
          </text>
          <text class="topology-detail" x={x + 29} y={y + 43}>
            {endpoint.up ? endpoint.address : 'down'}
          </text>
          {node.kind === 'endpoint' && hasVersions && (
            <Version x={x + width - 12} y={y + 11} version={endpoint.version} />
          )}
        </g>
      );
    }
  }
}

/** A filled disc or a cross: the state is told by shape as well as by colour. */
function State({ x, y, state }: { readonly x: number; readonly y: number; readonly state: 'good' | 'warn' | 'bad' }) {
  if (state === 'bad') {
    return <path class="topology-state is-bad" d={`M${x - 3.5} ${y - 3.5}l7 7m0-7l-7 7`} />;
  }
  return <circle class={`topology-state is-${state}`} cx={x} cy={y} r={state === 'good' ? 3.5 : 3} />;
}

/** Right-aligned at `x`. */
function Version({ x, y, version }: { readonly x: number; readonly y: number; readonly version: string }) {
  const width = 14 + version.length * 7;
  return (
    <g>
      <rect class="topology-version" x={x - width} y={y} width={width} height={17} rx={5} />
      <text class="topology-version-name" x={x - width / 2} y={y + 12.5} text-anchor="middle">
        {version}
      </text>
    </g>
  );
}

/** The mark of the product: a hull, two arms, a float. */
function Outrigger({ x, y }: { readonly x: number; readonly y: number }) {
  return (
    <path
      class="topology-mark"
      d={`M${x} ${y}c2 3 12 3 14 0M${x + 4} ${y + 2}v9M${x + 10} ${y + 2}v9M${x + 2} ${y + 11}h10`}
    />
  );
}
