// Three things to do in the first minute, with the words and numbers of this very mesh in them.

import { useState } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { CopyButton } from './copy-button.tsx';
import './styles/things-to-try.css';

export function ThingsToTry({ snapshot, tracesId }: { readonly snapshot: MeshSnapshot; readonly tracesId: string }) {
  const [isOpen, setOpen] = useState(wasOpen);
  const toggle = () => {
    rememberOpen(!isOpen);
    setOpen(!isOpen);
  };
  const split = snapshot.config.splits.find(({ shares }) => shares.length > 1);
  const victim = findVictim(snapshot);
  return (
    <section class={isOpen ? 'try' : 'try is-closed'} aria-labelledby="try-title">
      <h2 id="try-title">
        <button type="button" aria-expanded={isOpen} onClick={toggle}>
          Things to try
        </button>
      </h2>
      {isOpen && (
        <ol>
          <li>
            <h3>Shift traffic</h3>
            <p>
              In <code>{snapshot.config.file}</code>, change the split
              {split !== undefined && (
                <>
                  {' '}
                  of {split.service} (now {split.shares.map(({ version, weight }) => `${version} ${weight}`).join(', ')}
                  )
                </>
              )}{' '}
              and save. The bars follow within seconds; no call fails.
            </p>
          </li>
          <li>
            <h3>Kill an endpoint</h3>
            {victim === null ? (
              <p>Stop one of several endpoints of a version. The others take its calls.</p>
            ) : (
              <p>
                <code>kill {victim.pid}</code>
                <CopyButton text={`kill ${victim.pid}`} /> ends {victim.name}. The others of {victim.version} take its
                calls.
              </p>
            )}
          </li>
          <li>
            <h3>Open a trace</h3>
            <p>
              <a href={`#${tracesId}`}>Choose a call</a> to see each hop it took, how long it waited where, and which
              endpoint answered.
            </p>
          </li>
        </ol>
      )}
    </section>
  );
}

/** An endpoint that is up and has another of its version beside it: calls for a version go to no other one. */
function findVictim({ services }: MeshSnapshot) {
  for (const { endpoints } of services) {
    const up = endpoints.filter((endpoint) => endpoint.up);
    const hasTwin = (one: (typeof up)[number]) => up.some((other) => other !== one && other.version === one.version);
    const victim = up.findLast((endpoint) => endpoint.pid !== null && hasTwin(endpoint));
    if (victim !== undefined) return victim;
  }
  return null;
}

const storageKey = 'outrigger.things-to-try';

/** Storage may be forbidden; then the section is simply open each time. */
function wasOpen(): boolean {
  try {
    return localStorage.getItem(storageKey) !== 'closed';
  } catch {
    return true;
  }
}

function rememberOpen(isOpen: boolean): void {
  try {
    localStorage.setItem(storageKey, isOpen ? 'open' : 'closed');
  } catch {
    // Nothing is lost but the memory of it.
  }
}
