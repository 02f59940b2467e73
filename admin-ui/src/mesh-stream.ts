// The page's one connection: snapshots as server-sent events. It reconnects by itself, and says so meanwhile; the last
// snapshot stays, because numbers that are a few seconds old say more than an empty page.

import { useEffect, useState } from 'preact/hooks';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';

/** `connecting`: nothing has arrived yet. `reconnecting`: the stream broke or fell silent. */
export type Connection = 'connecting' | 'live' | 'reconnecting';

export interface MeshFeed {
  readonly connection: Connection;
  readonly snapshot: MeshSnapshot | null;
}

/** The mesh sends each second; after five without a word the stream counts as lost. */
const silenceMs = 5000;
const longestRetryMs = 4000;

/** Follows `url` for as long as the component lives. */
export function useMeshFeed(url: string): MeshFeed {
  const [feed, setFeed] = useState<MeshFeed>({ connection: 'connecting', snapshot: null });
  useEffect(
    () =>
      followSnapshots(
        url,
        (snapshot) => setFeed({ connection: 'live', snapshot }),
        () => setFeed(({ snapshot }) => ({ connection: snapshot === null ? 'connecting' : 'reconnecting', snapshot })),
      ),
    [url],
  );
  return feed;
}

/** Calls `arrived` for each snapshot and `lost` for each break, until the function that it answers is called. */
function followSnapshots(url: string, arrived: (snapshot: MeshSnapshot) => void, lost: () => void): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  // EventSource retries by itself after a broken connection, but gives up for good on an HTTP error and never notices
  // silence; one way of retrying is easier to trust than two.
  const retry = () => {
    source?.close();
    clearTimeout(timer);
    lost();
    timer = setTimeout(open, Math.min(500 * 2 ** failures, longestRetryMs));
    failures += 1;
  };
  const open = () => {
    source = new EventSource(url);
    source.onmessage = ({ data }) => {
      failures = 0;
      clearTimeout(timer);
      timer = setTimeout(retry, silenceMs);
      arrived(JSON.parse(String(data)) as MeshSnapshot);
    };
    source.onerror = retry;
    clearTimeout(timer);
    timer = setTimeout(retry, silenceMs);
  };
  open();
  return () => {
    source?.close();
    clearTimeout(timer);
  };
}
