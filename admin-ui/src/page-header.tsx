// The top of the page: what this is, whether it is live, and the three numbers that sum everything up.

import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import type { Connection } from './mesh-stream.ts';
import { formatAge, formatRate, shortVersion } from './number-format.ts';
import { trafficName } from './topology-graph.ts';
import './styles/header.css';

interface Properties {
  readonly connection: Connection;
  readonly snapshot: MeshSnapshot | null;
}

const connectionWords: Readonly<Record<Connection, string>> = {
  connecting: 'connecting',
  live: 'live',
  reconnecting: 'reconnecting',
};

export function PageHeader({ connection, snapshot }: Properties) {
  return (
    <header class="page-header">
      <h1>
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <path d="M4 9c3.5 4.5 20.5 4.5 24 0" stroke-width="3.6" />
          <path d="M8 24.5c3 2 13 2 16 0" stroke-width="2.4" />
          <path d="M12 12.5v12.5M20 12.5v12.5" stroke-width="1.8" />
        </svg>
        Outrigger <span>local mesh</span>
      </h1>
      {snapshot !== null && <Totals snapshot={snapshot} />}
      <p class={`connection is-${connection}`} role="status">
        <span class="connection-light" aria-hidden="true" />
        {connectionWords[connection]}
      </p>
    </header>
  );
}

function Totals({ snapshot }: { readonly snapshot: MeshSnapshot }) {
  const entering = snapshot.edges.filter(({ from }) => from === trafficName);
  const rate = entering.reduce((sum, { callsPerSecond }) => sum + callsPerSecond, 0);
  const failing = entering.reduce((sum, { callsPerSecond, errorRate }) => sum + callsPerSecond * errorRate, 0);
  const { version, changedAtMs } = snapshot.config;
  return (
    <dl class="totals">
      <div>
        <dt>calls/s</dt>
        <dd data-total="calls">{formatRate(rate)}</dd>
      </div>
      <div class={failing > 0 ? 'is-bad' : ''}>
        <dt>failed/s</dt>
        <dd data-total="failed">{formatRate(failing)}</dd>
      </div>
      <div>
        <dt>config</dt>
        <dd data-total="config">
          {shortVersion(version)} <small>{formatAge(snapshot.atMs - changedAtMs)}</small>
        </dd>
      </div>
    </dl>
  );
}
