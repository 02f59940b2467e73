// A real Envoy that takes its configuration from a control plane of the test, where `npm run peers` or the bench has
// put one: what it does with a call is what ours is held against.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { envoyPath } from '../../bench/envoy.ts';
import type { AdsMode } from '../../xds/model/bootstrap.ts';

/** Why there is no Envoy, for the log of a test that then has nothing to compare with; `null` where there is one. */
export const envoyMissing: string | null =
  envoyPath() === null ? 'no Envoy among the peers: nothing is compared' : null;

export interface EnvoyProcess {
  readonly port: (listener: string) => number;
  stop(): Promise<void>;
}

export type EnvoyOptions =
  /** With its node id; it speaks state of the world where nothing else is said. */
  | { readonly xdsPort: number; readonly node: string; readonly mode?: AdsMode }
  /** A bootstrap of its own, whose admin port is 0. */
  | { readonly configFile: string };

/** Resolves when its listeners are open. */
export async function startEnvoy(options: EnvoyOptions): Promise<EnvoyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-envoy-'));
  const adminFile = join(folder, 'admin');
  const config =
    'configFile' in options
      ? ['--config-path', options.configFile]
      : ['--config-yaml', bootstrap(options.xdsPort, options.node, options.mode ?? 'sotw')];
  const args = [...config, '--concurrency', '1', '--admin-address-path', adminFile];
  const child = spawn(envoyPath()!, [...args, '--disable-hot-restart', '--log-level', 'info'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  await said(child, exited, 'starting workers');
  const admin = readFileSync(adminFile, 'utf8').trim();
  const response = await fetch(`http://${admin}/listeners?format=json`);
  const { listener_statuses: statuses } = (await response.json()) as ListenerReport;
  const ports = new Map(
    statuses.map(({ name, local_address: { socket_address: at } }) => [name, at.port_value] as const),
  );
  return {
    port: (listener) => {
      const port = ports.get(listener);
      if (port === undefined) throw new Error(`Envoy has no listener ${listener}, only ${[...ports.keys()]}`);
      return port;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface ListenerReport {
  readonly listener_statuses: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** Rejects with what it wrote when it ends before. */
async function said(child: ChildProcess, exited: Promise<unknown>, words: string): Promise<void> {
  const lines = createInterface({ input: child.stderr! });
  const last: string[] = [];
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      last.push(line);
      if (last.length > 20) last.shift();
      if (line.includes(words)) resolve();
    });
    exited.then(() => reject(new Error(`Envoy ended:\n${last.join('\n')}`)), reject);
  });
}

function bootstrap(xdsPort: number, node: string, mode: AdsMode): string {
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: xdsPort } } };
  return JSON.stringify({
    node: { id: node, cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: mode === 'sotw' ? 'GRPC' : 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
        },
      ],
    },
  });
}
