// A control plane in memory, a client and a manager that follow it, and a model of the data plane, under virtual time.
import type { ExecutionContext } from 'ava';
import { DependencyManager, OnDemandSource, type ResolveHost, XdsClient } from '../../xds/index.ts';
import type { AdsMode } from '../../xds/model/bootstrap.ts';
import type { AnyMessage } from '../../xds/protos.ts';
import { bootstrapFor } from './client-harness.ts';
import { DataPlaneModel } from './data-plane-model.ts';
import { cluster, endpoints, listener, route } from './messages.ts';
import { type Snapshot, SnapshotTransport } from './snapshot-transport.ts';
import { VirtualClock } from './virtual-clock.ts';

export const empty: Snapshot = { listener: {}, route: {}, cluster: {}, endpoints: {}, secret: {} };

export interface Mesh {
  readonly controlPlane: SnapshotTransport;
  readonly dataPlane: DataPlaneModel;
  readonly clock: VirtualClock;
  readonly manager: DependencyManager;
  /** Where listeners are asked for by name, and what it refused, `name: reason` each. */
  readonly onDemand: OnDemandSource | null;
  readonly refusals: readonly string[];
  isReady(): boolean;
  /** Called for each state on the way. */
  check: () => void;
  /** What was applied since the last call of it. */
  steps(): string[];
}

export interface FollowOptions {
  readonly resolve?: ResolveHost;
  readonly mode?: AdsMode;
  /** Listeners that are asked for by name; absent: all there are. */
  readonly wanted?: readonly string[];
}

/** Starts a control plane, a client and a manager, and lets them settle; the test's end stops them. */
export async function follow(
  t: ExecutionContext,
  snapshot: Partial<Snapshot>,
  { resolve = async () => ({ addresses: [], ttlMs: null }), mode = 'sotw', wanted }: FollowOptions = {},
): Promise<Mesh> {
  const controlPlane = new SnapshotTransport({ ...empty, ...snapshot }, wanted !== undefined);
  const clock = new VirtualClock();
  const dataPlane = new DataPlaneModel();
  let readyCount = 0;
  let seen = 0;
  const log = () => {};
  const client = new XdsClient({
    bootstrap: bootstrapFor('nowhere'),
    transport: () => controlPlane,
    log,
    mode,
    now: clock.now,
    random: () => 0.5,
    setTimer: clock.setTimer,
  });
  const refusals: string[] = [];
  const onRefused = (name: string, reason: string) => refusals.push(`${name}: ${reason}`);
  const onDemand = wanted === undefined ? null : new OnDemandSource({ client, onRefused });
  const mesh: Mesh = {
    controlPlane,
    dataPlane,
    clock,
    onDemand,
    refusals,
    manager: new DependencyManager({
      client: onDemand ?? client,
      resolve,
      onUpdate: (update) => dataPlane.apply(structuredClone(update), () => mesh.check()),
      onReady: () => {
        readyCount += 1;
      },
      log,
      setTimer: clock.setTimer,
    }),
    isReady: () => {
      t.true(readyCount <= 1, 'ready is said once');
      return readyCount === 1;
    },
    check: () => {},
    steps: () => {
      const steps = dataPlane.steps.slice(seen);
      seen = dataPlane.steps.length;
      return steps;
    },
  };
  t.teardown(() => {
    mesh.manager.stop();
    client.stop();
  });
  client.start();
  mesh.manager.start();
  for (const name of wanted ?? []) onDemand?.want(name, 0);
  await turns();
  return mesh;
}

/** All that follows from what has just happened: the control plane and the client answer each other in microtasks. */
export async function turns(): Promise<void> {
  await new Promise(setImmediate);
}

export function named(...resources: readonly (readonly [string, AnyMessage])[]): Record<string, AnyMessage> {
  return Object.fromEntries(resources);
}

/** Listener `l`, route `r`, cluster `a`, an endpoint at port 1. */
export const oneOfEach = {
  listener: named(['l', listener('l', 'r')]),
  route: named(['r', route('r', 'a')]),
  cluster: named(['a', cluster('a')]),
  endpoints: named(['a', endpoints('a', 1)]),
};
