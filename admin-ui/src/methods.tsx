// Calls a second and latency of each method: two charts and the numbers beneath. Pointing at a row brings its lines
// forward; pressing it keeps them there.

import { useMemo, useState } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import type { ChartLine } from './chart-line.ts';
import { MethodTable } from './method-table.tsx';
import { formatDuration, formatRate } from './number-format.ts';
import { type ServiceColours, shadeOf } from './service-colours.ts';
import { TimeChart } from './time-chart.tsx';

interface Properties {
  readonly snapshot: MeshSnapshot;
  readonly colours: ServiceColours;
}

export function Methods({ snapshot, colours }: Properties) {
  const [pinned, setPinned] = useState<string | null>(null);
  const [pointed, setPointed] = useState<string | null>(null);
  const chosen = pointed ?? pinned;
  const { methods, history } = snapshot;
  const colourOf = useMemo(() => colourMethods(snapshot, colours), [snapshot, colours]);
  const seconds = useMemo(() => {
    const now = history.atMs.at(-1) ?? 0;
    return history.atMs.map((atMs) => (atMs - now) / 1000);
  }, [history]);
  const rates = useMemo(
    () =>
      history.methods.map(
        ({ method, callsPerSecond }): ChartLine => ({
          key: method,
          label: method,
          values: callsPerSecond,
          colour: colourOf(method),
          emphasis: chosen === null ? 'plain' : chosen === method ? 'strong' : 'faint',
          dashed: false,
        }),
      ),
    [history, colourOf, chosen],
  );
  const latencies = useMemo(
    () =>
      history.methods.flatMap(({ method, p50Ms, p99Ms }): ChartLine[] => {
        const colour = colourOf(method);
        const isChosen = chosen === method;
        return [
          {
            key: `${method} p50`,
            label: isChosen ? 'p50' : method,
            values: p50Ms,
            colour,
            emphasis: chosen === null ? 'plain' : isChosen ? 'strong' : 'faint',
            dashed: false,
          },
          {
            key: `${method} p99`,
            label: 'p99',
            values: p99Ms,
            colour,
            emphasis: isChosen ? 'plain' : chosen === null ? 'faint' : 'hidden',
            dashed: true,
          },
        ];
      }),
    [history, colourOf, chosen],
  );
  return (
    <>
      <div class="charts">
        <figure>
          <figcaption>
            Calls per second <span>last 2 min</span>
          </figcaption>
          <TimeChart
            label="Calls per second of each method over the last two minutes"
            seconds={seconds}
            lines={rates}
            scale="linear"
            format={formatAxisRate}
          />
        </figure>
        <figure>
          <figcaption>
            Latency <span>median, and 99th percentile dashed</span>
          </figcaption>
          <TimeChart
            label="Latency of each method over the last two minutes, median and 99th percentile"
            seconds={seconds}
            lines={latencies}
            scale="logarithmic"
            format={formatAxisDuration}
          />
        </figure>
      </div>
      <MethodTable
        methods={methods}
        colourOf={colourOf}
        pinned={pinned}
        onPin={(method) => setPinned(method === pinned ? null : method)}
        onPoint={setPointed}
      />
    </>
  );
}

/** As a table writes them, without the zeroes that an axis does not need. */
function formatAxisRate(perSecond: number | null): string {
  return formatRate(perSecond).replace(/\.0$/, '');
}

function formatAxisDuration(ms: number | null): string {
  return formatDuration(ms).replace(/\.0+(?= )/, '');
}

function colourMethods({ methods }: MeshSnapshot, colours: ServiceColours): (method: string) => string {
  const counts = new Map<string, number>();
  const found = new Map<string, string>();
  // By name, so that a method keeps its shade whatever order the snapshot has.
  for (const { method, service } of [...methods].sort((a, b) => (a.method < b.method ? -1 : 1))) {
    const index = counts.get(service) ?? 0;
    counts.set(service, index + 1);
    found.set(method, shadeOf(colours(service), index));
  }
  return (method) => found.get(method) ?? 'var(--service-other)';
}
