// The last traces: a list to choose from, and the chosen one as a waterfall. A chosen trace stays on the page when the
// mesh has long forgotten it.

import { useEffect, useState } from 'preact/hooks';
import type { MeshTrace } from '../../agent/admin/mesh-snapshot.ts';
import type { ServiceColours } from './service-colours.ts';
import { TraceList } from './trace-list.tsx';
import { Waterfall } from './waterfall.tsx';
import './styles/traces.css';

interface Properties {
  readonly traces: readonly MeshTrace[];
  readonly nowMs: number;
  readonly colours: ServiceColours;
}

export function Traces({ traces, nowMs, colours }: Properties) {
  const [chosen, setChosen] = useState<MeshTrace | null>(null);
  useEffect(() => {
    setChosen((before) => {
      if (before === null) return pickFirst(traces);
      // Spans arrive in batches, so a trace may still grow.
      const newer = traces.find(({ traceId }) => traceId === before.traceId);
      return newer !== undefined && newer.spans.length > before.spans.length ? newer : before;
    });
  }, [traces]);
  if (traces.length === 0 && chosen === null) {
    return (
      <p class="empty">No traces yet. A call is shown once its last span has arrived, a few seconds after it ended.</p>
    );
  }
  return (
    <div class="traces">
      <TraceList
        traces={traces}
        nowMs={nowMs}
        colours={colours}
        chosen={chosen?.traceId ?? null}
        onChoose={setChosen}
      />
      {chosen !== null && <Waterfall key={chosen.traceId} trace={chosen} colours={colours} />}
    </div>
  );
}

/** Something to look at before anybody has chosen: the newest of those with the most spans. */
function pickFirst(traces: readonly MeshTrace[]): MeshTrace | null {
  const most = Math.max(0, ...traces.map(({ spans }) => spans.length));
  return traces.find(({ spans }) => spans.length === most) ?? null;
}
