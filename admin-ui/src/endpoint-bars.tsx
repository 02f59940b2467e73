// Which endpoint took how many: a bar a version with a mark where the configured split wants it, a thinner bar for each
// of its endpoints.

import { useMemo, useRef } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { formatCount, formatShare } from './number-format.ts';
import { type ServiceColours, shadeOf } from './service-colours.ts';
import {
  computeShares,
  type ServiceShares,
  type ShareWindow,
  slideWindow,
  type VersionShare,
} from './traffic-shares.ts';
import './styles/bars.css';

interface Properties {
  readonly snapshot: MeshSnapshot;
  readonly colours: ServiceColours;
}

export function EndpointBars({ snapshot, colours }: Properties) {
  const window = useRef<ShareWindow>([]);
  const services = useMemo(() => {
    window.current = slideWindow(window.current, snapshot);
    return computeShares(window.current, snapshot);
  }, [snapshot]);
  // A service with one endpoint has nothing to share out; it is shown only where no service has more.
  const shared = services.filter(({ versions }) => versions.flatMap(({ endpoints }) => endpoints).length > 1);
  return (
    <div class="bars">
      {(shared.length > 0 ? shared : services).map((service) => (
        <Service key={service.service} shares={service} colour={colours(service.service)} />
      ))}
    </div>
  );
}

function Service({ shares, colour }: { readonly shares: ServiceShares; readonly colour: string }) {
  return (
    <section aria-label={`Calls taken by ${shares.service}`}>
      <h3>
        <span class="swatch" style={{ color: colour }} />
        {shares.service}
      </h3>
      {shares.versions.map((version, index) => (
        <Version key={version.version} shares={version} colour={shadeOf(colour, index)} />
      ))}
    </section>
  );
}

function Version({ shares, colour }: { readonly shares: VersionShare; readonly colour: string }) {
  const { version, share, configured, callsTotal, endpoints } = shares;
  return (
    <div class="bars-version" style={{ color: colour }} data-version={version}>
      <div class="bars-line">
        <strong>{version}</strong>
        <span class="bars-split">{configured !== null && <>split {formatShare(configured)}</>}</span>
        <span class="bars-share">{formatShare(share)}</span>
        <span class="bars-count">{formatCount(callsTotal)}</span>
      </div>
      <div class="bars-track">
        <div class="bars-fill" style={{ transform: `scaleX(${share ?? 0})` }} />
        {configured !== null && (
          <div
            class="bars-mark"
            style={{ left: `${configured * 100}%` }}
            title={`configured: ${formatShare(configured)}`}
          />
        )}
      </div>
      <ul>
        {endpoints.map(({ endpoint, share: part }) => (
          <li
            key={endpoint.name}
            class={endpoint.up ? 'bars-endpoint' : 'bars-endpoint is-down'}
            data-endpoint={endpoint.name}
            title={endpoint.address}
          >
            <span class="bars-address">
              <span class={`state is-${endpoint.up ? 'good' : 'bad'}`} />
              {endpoint.name}
            </span>
            {endpoint.up ? (
              <span class="bars-thin">
                <span class="bars-fill" style={{ transform: `scaleX(${part ?? 0})` }} />
              </span>
            ) : (
              <em>down</em>
            )}
            <span class="bars-share">{formatShare(part)}</span>
            <span class="bars-count">{formatCount(endpoint.callsTotal)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
