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
              <p>Stop one endpoint's process. Its agent stops sending it calls, and the others take over.</p>
            ) : (
              <p>
                <code>kill {victim.pid}</code>
                <CopyButton text={`kill ${victim.pid}`} /> ends {victim.name} ({victim.version}). The others take its
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

/** The last endpoint that is up of a service that has others to take over. */
function findVictim({ services }: MeshSnapshot) {
  for (const { endpoints } of services) {
    const killable = endpoints.filter(({ up, pid }) => up && pid !== null);
    const last = killable.at(-1);
    if (killable.length > 1 && last !== undefined) return last;
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
