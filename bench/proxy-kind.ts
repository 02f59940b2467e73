// What a proxy is to the benchmarks.
import type { Endpoints } from './endpoints.ts';
import { type Pinned, untilListening } from './machine.ts';

export interface RunningProxy {
  readonly port: number;
  /** `null`: nothing stands between, the load goes to an endpoint. */
  readonly process: Pinned | null;
  stop(): Promise<void>;
}

export interface ProxyKind {
  readonly name: string;
  /** Does it end TLS on one leg and begin it on the other? */
  readonly speaksTls: boolean;
  /** Of a round's calls, how many it is given: those that need ten times as long get fewer. */
  readonly share: number;
  /** What it needs and this machine lacks; `null` when it can be run. */
  missing(): string | null;
  /** As it calls itself; `null` where that is our own or Node's version. */
  version(): string | null;
  start(endpoints: Endpoints, folder: string): Promise<RunningProxy>;
}

export async function running(port: number, child: Pinned): Promise<RunningProxy> {
  await untilListening(port, child.child);
  return { port, process: child, stop: () => child.stop() };
}
