// A data plane to which connections come as if the kernel had redirected them: each says itself where it was meant to go.
import net from 'node:net';
import type { ExecutionContext } from 'ava';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import type { SocketAddress } from '../../xds/model/address.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane, type TestDataPlane } from './data-plane.ts';

export interface CapturingPlane {
  readonly plane: TestDataPlane;
  /** A connection that was meant for that address; `null`: it was not redirected. It arrives at `listener`. */
  connect(meant: SocketAddress | null): net.Socket;
  /** Counters by name and labels, in the order of the labels' names. */
  counted(): Record<string, number>;
}

/** Resolves when its listener `all` is bound, to which all connections come. */
export async function startCapturingPlane(
  t: ExecutionContext,
  resources: readonly ServingResource[],
  opaquePorts: readonly string[] = [],
): Promise<CapturingPlane> {
  // Each client has a loopback address of its own.
  const meantBy = new Map<string, SocketAddress>();
  let clients = 0;
  const reader = new StatsReader();
  const plane = startDataPlane(
    resources,
    undefined,
    (stats) => reader.addWorker(0, stats),
    { redirection: { ownPorts: [], opaquePorts }, logLevel: 'debug' },
    () => ({ originalDestination: ({ remoteAddress = '' }) => meantBy.get(remoteAddress) ?? null }),
  );
  t.teardown(() => plane.stop());
  const port = await plane.port('all');
  return {
    plane,
    connect: (meant) => {
      const localAddress = `127.1.${clients >> 8}.${clients++ & 255}`;
      if (meant !== null) meantBy.set(localAddress, meant);
      const socket = net.connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
      socket.on('error', () => {});
      t.teardown(() => socket.destroy());
      return socket;
    },
    counted: () => {
      for (const up of plane.ups) if (up.kind === 'stats-row') reader.addRow(0, up.row);
      const rows = reader.rows().filter(({ kind }) => kind === 'counter');
      return Object.fromEntries(
        rows.map(({ name, labels, values }) => [[name, ...Object.values(labels)].join(' '), values[0] ?? 0]),
      );
    },
  };
}
