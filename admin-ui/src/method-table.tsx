// The numbers of each method now, a row each. The rows are also how one method is brought forward in the charts.

import type { MeshMethod } from '../../agent/admin/mesh-snapshot.ts';
import { formatDuration, formatRate, shortMethod } from './number-format.ts';
import './styles/methods.css';

interface Properties {
  readonly methods: readonly MeshMethod[];
  readonly colourOf: (method: string) => string;
  readonly pinned: string | null;
  readonly onPin: (method: string) => void;
  readonly onPoint: (method: string | null) => void;
}

export function MethodTable({ methods, colourOf, pinned, onPin, onPoint }: Properties) {
  if (methods.length === 0) return <p class="empty">No calls yet. The first will appear here within a second.</p>;
  // By name: an order by rate would make the rows change places.
  const ordered = [...methods].sort((a, b) => (a.method < b.method ? -1 : 1));
  return (
    <div class="methods">
      <table>
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col">Calls/s</th>
            <th scope="col">p50</th>
            <th scope="col">p99</th>
            <th scope="col">Failed/s</th>
          </tr>
        </thead>
        <tbody>
          {ordered.map(({ method, callsPerSecond, p50Ms, p99Ms, errorsPerSecond }) => (
            <tr
              key={method}
              data-method={method}
              class={pinned === method ? 'is-pinned' : ''}
              onPointerEnter={() => onPoint(method)}
              onPointerLeave={() => onPoint(null)}
            >
              <th scope="row">
                <button type="button" aria-pressed={pinned === method} title={method} onClick={() => onPin(method)}>
                  <span class="swatch" style={{ color: colourOf(method) }} />
                  <MethodName method={method} />
                </button>
              </th>
              <td>{formatRate(callsPerSecond)}</td>
              <td>{formatDuration(p50Ms)}</td>
              <td>{formatDuration(p99Ms)}</td>
              <td class={errorsPerSecond > 0 ? 'is-bad' : 'is-zero'}>{formatRate(errorsPerSecond)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `Service/Method`, of which a narrow screen shows the second part. */
function MethodName({ method }: { readonly method: string }) {
  const short = shortMethod(method);
  const slash = short.indexOf('/') + 1;
  return (
    <span>
      <span class="method-service">{short.slice(0, slash)}</span>
      {short.slice(slash)}
    </span>
  );
}
