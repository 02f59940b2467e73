// The page: where each part stands. Each part takes the whole snapshot or its slice of it and knows nothing of the rest.

import { useMemo } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { Agents } from './agents.tsx';
import { ConfigNotice } from './config-notice.tsx';
import { EndpointBars } from './endpoint-bars.tsx';
import { useMeshFeed } from './mesh-stream.ts';
import { Methods } from './methods.tsx';
import { PageHeader } from './page-header.tsx';
import { Panel } from './panel.tsx';
import { assignServiceColours } from './service-colours.ts';
import { ThingsToTry } from './things-to-try.tsx';
import { Topology } from './topology.tsx';
import { Traces } from './traces.tsx';

const tracesId = 'traces';

export function App() {
  const { connection, snapshot } = useMeshFeed('api/events');
  return (
    <div class={`page is-${connection}`}>
      <PageHeader connection={connection} snapshot={snapshot} />
      {snapshot === null ? <Waiting /> : <Mesh snapshot={snapshot} />}
    </div>
  );
}

function Mesh({ snapshot }: { readonly snapshot: MeshSnapshot }) {
  const colours = useMemo(() => assignServiceColours(snapshot), [snapshot]);
  return (
    <main>
      <ConfigNotice config={snapshot.config} />
      <Panel name="topology" title="Topology">
        <Topology snapshot={snapshot} colours={colours} />
      </Panel>
      <div class="aside">
        <Panel name="endpoints" title="Who took how many" note="share of the last 15 s · total">
          <EndpointBars snapshot={snapshot} colours={colours} />
        </Panel>
        <Panel name="agents" title="Agents">
          <Agents agents={snapshot.agents} colours={colours} />
        </Panel>
      </div>
      <ThingsToTry snapshot={snapshot} tracesId={tracesId} />
      <Panel name="methods" title="Methods">
        <Methods snapshot={snapshot} colours={colours} />
      </Panel>
      <Panel name={tracesId} title="Last traces">
        <Traces traces={snapshot.traces} nowMs={snapshot.atMs} colours={colours} />
      </Panel>
    </main>
  );
}

function Waiting() {
  return (
    <main class="waiting">
      <p>Waiting for the mesh. It speaks each second once it is up.</p>
    </main>
  );
}
