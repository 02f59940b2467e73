// The list of recent traces, newest first. It holds still while a pointer or the focus is in it: a row must not slip
// away from under a click.

import type { TargetedFocusEvent } from 'preact';
import { useState } from 'preact/hooks';
import type { MeshTrace } from '../../agent/admin/mesh-snapshot.ts';
import { moveByArrow } from './arrow-keys.ts';
import { formatAge, formatClock, formatDuration, shortMethod } from './number-format.ts';
import type { ServiceColours } from './service-colours.ts';
import { hasError, servicesOf } from './span-tree.ts';

interface Properties {
  readonly traces: readonly MeshTrace[];
  readonly nowMs: number;
  readonly colours: ServiceColours;
  readonly chosen: string | null;
  readonly onChoose: (trace: MeshTrace) => void;
}

const longestList = 40;

export function TraceList({ traces, nowMs, colours, chosen, onChoose }: Properties) {
  const [held, setHeld] = useState<readonly MeshTrace[] | null>(null);
  const newest = [...traces].sort((a, b) => b.startMs - a.startMs).slice(0, longestList);
  const shown = held ?? newest;
  const longestMs = Math.max(...shown.map(({ durationMs }) => durationMs), 0.001);
  const missed =
    held === null ? 0 : newest.filter((trace) => !held.some((old) => old.traceId === trace.traceId)).length;
  const reachable = shown.some(({ traceId }) => traceId === chosen) ? chosen : shown[0]?.traceId;
  const hold = () => setHeld((before) => before ?? newest);
  // A click leaves the focus behind where nobody looks at it any more; only a keyboard's focus holds the list.
  const holdForKeyboard = ({ target }: TargetedFocusEvent<HTMLDivElement>) => {
    if (target instanceof Element && target.matches(':focus-visible')) hold();
  };
  const releaseWhenLeft = ({ currentTarget, relatedTarget }: TargetedFocusEvent<HTMLDivElement>) => {
    if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setHeld(null);
  };
  return (
    <div
      class="trace-list"
      onPointerEnter={hold}
      onPointerLeave={() => setHeld(null)}
      onFocusIn={holdForKeyboard}
      onFocusOut={releaseWhenLeft}
    >
      <p class="trace-list-state">
        {held === null
          ? 'Newest first'
          : missed === 0
            ? 'Held while you choose'
            : `Held while you choose · ${missed} newer`}
      </p>
      <ul onKeyDown={moveByArrow}>
        {shown.map((trace) => (
          <li key={trace.traceId}>
            <button
              type="button"
              class={hasError(trace) ? 'trace is-bad' : 'trace'}
              aria-pressed={trace.traceId === chosen}
              tabIndex={trace.traceId === reachable ? 0 : -1}
              data-trace={trace.traceId}
              title={`${trace.rootName} at ${formatClock(trace.startMs)}`}
              onClick={() => onChoose(trace)}
            >
              <span class="trace-name">{shortMethod(trace.rootName)}</span>
              <span class="trace-duration">{formatDuration(trace.durationMs)}</span>
              <span class="trace-about">
                {[...new Set(servicesOf(trace).map(colours))].map((colour) => (
                  <span key={colour} class="swatch" style={{ color: colour }} />
                ))}
                {trace.spans.length} {trace.spans.length === 1 ? 'span' : 'spans'} · {formatAge(nowMs - trace.startMs)}
                {hasError(trace) && <em>failed</em>}
              </span>
              <span class="trace-length">
                <span style={{ transform: `scaleX(${trace.durationMs / longestMs})` }} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
