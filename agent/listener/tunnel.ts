// Two sockets whose bytes pass to each other: each half ends by itself, what one side cannot take is not read from the
// other, and a side that breaks off breaks off the other.
import type { Socket } from 'node:net';

export interface TunnelEnd {
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** In order, or by whom not. */
  readonly by: 'both' | 'downstream' | 'upstream' | 'agent';
}

export interface Tunnel {
  /** Now, both sides. */
  destroy(): void;
}

export interface TunnelOptions {
  readonly downstream: Socket;
  /** All that the client has said that has ended its half before: no pipe would see that end. `null`: it goes on. */
  readonly whole: Buffer | null;
  readonly upstream: Socket;
  /** Once. */
  readonly onEnd: (end: TunnelEnd) => void;
}

export function createTunnel({ downstream, whole, upstream, onEnd }: TunnelOptions): Tunnel {
  let by: TunnelEnd['by'] = 'both';
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    onEnd({ bytesUp: upstream.bytesWritten, bytesDown: upstream.bytesRead, by });
  };
  const cut = (who: TunnelEnd['by']): void => {
    if (isOver) return;
    by = who;
    end();
    // So that the other side sees no orderly end.
    downstream.resetAndDestroy();
    upstream.resetAndDestroy();
  };
  const watch = (socket: Socket, other: Socket, who: 'downstream' | 'upstream'): void => {
    socket.on('error', () => {});
    socket.once('close', (hadError) => {
      // What an orderly end has left to be sent to the other side is sent.
      if (hadError || !other.writableEnded) cut(who);
      else if (other.closed) end();
    });
  };
  watch(downstream, upstream, 'downstream');
  watch(upstream, downstream, 'upstream');
  if (whole === null) downstream.pipe(upstream);
  else upstream.end(whole);
  upstream.pipe(downstream);
  return { destroy: () => cut('agent') };
}
