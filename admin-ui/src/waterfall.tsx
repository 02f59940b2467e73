// One trace over time: a row a span, children indented beneath their parent, its details beneath the rows when chosen.

import { useMemo, useState } from 'preact/hooks';
import type { MeshSpan, MeshTrace } from '../../agent/admin/mesh-snapshot.ts';
import { moveByArrow } from './arrow-keys.ts';
import { formatClock, formatDuration, shortMethod } from './number-format.ts';
import type { ServiceColours } from './service-colours.ts';
import { SpanDetails } from './span-details.tsx';
import { layOutSpans, type SpanRow } from './span-tree.ts';
import './styles/waterfall.css';

const ticks = [0, 0.25, 0.5, 0.75, 1];
/** Deeper spans stand beneath each other, or their names would have no room. */
const deepestIndent = 8;

export function Waterfall({ trace, colours }: { readonly trace: MeshTrace; readonly colours: ServiceColours }) {
  const rows = useMemo(() => layOutSpans(trace), [trace]);
  const [chosenId, setChosenId] = useState<string | null>(null);
  const chosen = rows.find(({ span }) => span.spanId === chosenId) ?? rows[0];
  return (
    <section class="waterfall" aria-label={`Trace of ${trace.rootName}`}>
      <header>
        <h3>{shortMethod(trace.rootName)}</h3>
        <p>
          {formatDuration(trace.durationMs)} · {trace.spans.length} spans · {formatClock(trace.startMs)}
          <code title="trace id">{trace.traceId}</code>
        </p>
      </header>
      <div class="waterfall-ticks" aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ left: `${tick * 100}%` }}>
            {tick === 0 ? '0' : formatDuration(trace.durationMs * tick)}
          </span>
        ))}
      </div>
      <ol onKeyDown={moveByArrow}>
        {rows.map((row) => (
          <li key={row.span.spanId}>
            <Row
              row={row}
              colour={colours(row.span.service)}
              isChosen={row === chosen}
              onChoose={() => setChosenId(row.span.spanId)}
            />
          </li>
        ))}
      </ol>
      {chosen !== undefined && (
        <SpanDetails span={chosen.span} traceStartMs={trace.startMs} colour={colours(chosen.span.service)} />
      )}
    </section>
  );
}

interface RowProperties {
  readonly row: SpanRow;
  readonly colour: string;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

function Row({ row: { span, depth, start, width }, colour, isChosen, onChoose }: RowProperties) {
  const indent = Math.min(depth, deepestIndent) * 14;
  const { isInside, style } = placeDuration(start, start + width);
  return (
    <button
      type="button"
      class={span.status === 'ERROR' ? 'span is-bad' : 'span'}
      aria-pressed={isChosen}
      tabIndex={isChosen ? 0 : -1}
      data-span={span.spanId}
      data-depth={depth}
      style={{ color: colour }}
      onClick={onChoose}
    >
      <span class="span-name" style={{ paddingLeft: `${indent}px` }} title={span.name}>
        {depth > 0 && <span class="span-branch" aria-hidden="true" />}
        <span class="swatch" />
        <b>{span.service}</b>
        <span class="span-kind">
          {span.kind.toLowerCase()} · {span.name.slice(span.name.lastIndexOf('/') + 1)}
        </span>
      </span>
      <span class="span-time">
        <span
          class={span.kind === 'SERVER' ? 'span-bar is-server' : 'span-bar'}
          style={{ left: `${start * 100}%`, width: `max(2px, ${width * 100}%)` }}
        >
          {eventMarks(span)}
        </span>
        <span class={isInside ? 'span-duration is-inside' : 'span-duration'} style={style}>
          {formatDuration(span.durationMs)}
        </span>
      </span>
    </button>
  );
}

/** At the right of its bar, else at its left, else within: wherever there is room for it. */
function placeDuration(start: number, end: number) {
  if (end <= 0.8) return { isInside: false, style: { left: `${end * 100}%` } };
  if (start > 0.2) return { isInside: false, style: { right: `${(1 - start) * 100}%` } };
  return { isInside: true, style: { right: '0' } };
}

function eventMarks(span: MeshSpan) {
  return span.events.map((event, index) => {
    const place = span.durationMs === 0 ? 0 : (event.atMs - span.startMs) / span.durationMs;
    return <i key={`${index} ${event.name}`} style={{ left: `${Math.min(1, Math.max(0, place)) * 100}%` }} />;
  });
}
