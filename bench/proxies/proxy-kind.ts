// What a proxy is to the benchmarks.
import type { Endpoints } from '../endpoints/endpoints.ts';
import { type Pinned, untilListening } from '../machine.ts';

export interface RunningProxy {
  readonly port: number;
  /** `null`: nothing stands between, the load goes to an endpoint. */
  readonly process: Pinned | null;
  stop(): Promise<void>;
}

export interface ProxyKind {
  readonly name: string;
  /** About how long it takes to start. */
  readonly startSeconds: number;
  /** Load for so long, and it is as fast as it gets: what is compiled as it runs needs more. */
  readonly warmUpSeconds: number;
  /** What it needs and this machine lacks; `null` when it can be run. */
  missing(): string | null;
  /** As it calls itself; `null` where that is our own or Node's version. */
  version(): string | null;
  /** `folder`: for files of its own. */
  start(endpoints: Endpoints, folder: string): Promise<RunningProxy>;
}

export async function running(port: number, child: Pinned): Promise<RunningProxy> {
  await untilListening(port, child.child);
  return { port, process: child, stop: () => child.stop() };
}
