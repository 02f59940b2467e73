// A client under virtual time against a scripted ADS server over real sockets.
import type { ExecutionContext } from 'ava';
import type { XdsClientOptions } from '../../xds/client.ts';
import {
  type AdsModePolicy,
  type Bootstrap,
  createGrpcTransport,
  type Resource,
  type ResourceType,
  type SavedResource,
  XdsClient,
} from '../../xds/index.ts';
import { AdsServer, type AdsServerOptions } from '../support/ads-server.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ClientHarness {
  readonly server: AdsServer;
  readonly client: XdsClient;
  readonly clock: VirtualClock;
  readonly logs: readonly LogLine[];
  /** The first log line with this text, now or later. */
  logged(text: string): Promise<LogLine>;
  /** Follows a resource; what it is told is a line each: `changed a`, `absent a`, `error rejected a (has resource): ...`. */
  watch(type: ResourceType, name: string): Watched;
  watchAll(type: 'listener' | 'cluster'): Watched;
}

export interface Watched {
  readonly events: readonly string[];
  readonly last: Resource | null;
  /** The next `count` events, those that have come already included. */
  next(count?: number): Promise<readonly string[]>;
  stop(): void;
}

export function bootstrapFor(address: string, features: readonly string[] = []): Bootstrap {
  return {
    servers: [{ serverUri: address, credentials: { kind: 'insecure' }, features }],
    node: {
      id: 'test-node',
      cluster: 'test-cluster',
      locality: { region: 'r', zone: 'z', subZone: 's' },
      metadata: { role: 'test', ports: [1, null], nested: { flag: true } },
    },
  };
}

/** Starts both; the test's end stops both. `given`: may need the server's address. `saved`: from an earlier life. */
export async function startClient(
  t: ExecutionContext,
  given: Partial<XdsClientOptions> | ((address: string) => Partial<XdsClientOptions>) = {},
  serverOptions: AdsServerOptions = {},
  saved: readonly SavedResource[] = [],
  mode: AdsModePolicy = 'sotw',
): Promise<ClientHarness> {
  const server = await AdsServer.start(serverOptions);
  const options = typeof given === 'function' ? given(server.address) : given;
  const clock = new VirtualClock();
  const logs: LogLine[] = [];
  const readers = new Set<(line: LogLine) => void>();
  const client = new XdsClient({
    bootstrap: bootstrapFor(server.address),
    transport: createGrpcTransport,
    log: (level, message, fields = {}) => {
      const line = { level, message, fields };
      logs.push(line);
      for (const reader of readers) reader(line);
    },
    now: clock.now,
    // In the middle of the jitter: delays are exactly what they are named.
    random: () => 0.5,
    setTimer: clock.setTimer,
    mode,
    ...options,
  });
  t.teardown(() => {
    client.stop();
    server.stop();
  });
  client.restore(saved);
  client.start();
  return {
    server,
    client,
    clock,
    logs,
    logged(text) {
      const { promise, resolve } = Promise.withResolvers<LogLine>();
      const reader = (line: LogLine) => {
        if (line.message.includes(text)) resolve(line);
      };
      readers.add(reader);
      for (const line of logs) reader(line);
      return promise;
    },
    watch(type, name) {
      const watched = new EventLog();
      watched.stop = client.watch(type, name, {
        onChanged: (resource) => watched.put(`changed ${resource.value.name}`, resource),
        onAbsent: () => watched.put(`absent ${name}`),
        onError: ({ code, message }, hasResource) =>
          watched.put(`error ${code} ${name}${hasResource ? ' (has resource)' : ''}: ${message}`),
      });
      return watched;
    },
    watchAll(type) {
      const watched = new EventLog();
      watched.stop = client.watchAll(type, {
        onUpdate: ({ changed, removed }) =>
          watched.put(`update +${changed.map(({ value }) => value.name).join()} -${removed.join()}`),
        onSilence: () => watched.put('silence'),
        onError: (name, { code, message }, hasResource) =>
          watched.put(`error ${code} ${name}${hasResource ? ' (has resource)' : ''}: ${message}`),
      });
      return watched;
    },
  };
}

class EventLog implements Watched {
  readonly events: string[] = [];
  last: Resource | null = null;
  stop: () => void = () => {};
  #taken = 0;
  #wake: () => void = () => {};

  put(event: string, resource: Resource | null = null): void {
    this.events.push(event);
    this.last = resource ?? this.last;
    this.#wake();
  }

  async next(count = 1): Promise<readonly string[]> {
    const end = this.#taken + count;
    while (this.events.length < end) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const taken = this.events.slice(this.#taken, end);
    this.#taken = end;
    return taken;
  }
}
