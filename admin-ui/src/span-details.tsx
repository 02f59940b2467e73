// What one span says about itself: where it was, how it ended, its attributes, and its events with the time since the
// trace began.

import type { MeshSpan } from '../../agent/admin/mesh-snapshot.ts';
import { formatDuration } from './number-format.ts';

interface Properties {
  readonly span: MeshSpan;
  readonly traceStartMs: number;
  readonly colour: string;
}

export function SpanDetails({ span, traceStartMs, colour }: Properties) {
  const attributes = Object.entries(span.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <section class="span-details" style={{ borderColor: colour }} aria-label={`Span ${span.name}`}>
      <header>
        <h4>{span.name}</h4>
        <p>
          <b>{span.service}</b> · {span.kind.toLowerCase()} · {formatDuration(span.durationMs)}
          {span.status === 'ERROR' && <em> · failed{span.statusMessage !== '' && `: ${span.statusMessage}`}</em>}
          <code title="span id">{span.spanId}</code>
        </p>
      </header>
      <div class="span-facts">
        <dl>
          {attributes.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{String(value)}</dd>
            </div>
          ))}
          {attributes.length === 0 && <p class="empty">No attributes.</p>}
        </dl>
        {span.events.length > 0 && (
          <ol aria-label="Events">
            {[...span.events]
              .sort((a, b) => a.atMs - b.atMs)
              .map((event, index) => (
                <li key={`${index} ${event.name}`}>
                  <time>{formatDuration(Math.max(0, event.atMs - traceStartMs))}</time>
                  <span>
                    {event.name}
                    {Object.entries(event.attributes).map(([name, value]) => (
                      <small key={name}>
                        {name} {String(value)}
                      </small>
                    ))}
                  </span>
                </li>
              ))}
          </ol>
        )}
      </div>
    </section>
  );
}
