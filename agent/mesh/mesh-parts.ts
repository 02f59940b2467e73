// The parts of a local mesh as commands: agents first, then the programs beside them, then those that only call.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SocketAddress } from '../../xds/model/address.ts';
import type { Mesh } from '../config/mesh.ts';
import { fillCommand } from './mesh-command.ts';

export interface PlannedPart {
  readonly name: string;
  readonly kind: 'agent' | 'instance' | 'client';
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** What tells that it can be used: its agent's admin server, its own port, or nothing to wait for. */
  readonly readiness: { readonly kind: 'admin' | 'port'; readonly address: SocketAddress } | { readonly kind: 'none' };
}

export interface PlanOptions {
  readonly mesh: Mesh;
  readonly configFile: string;
  readonly controlPlanePort: number;
  /** Where agents send their spans over OTLP/HTTP; `null`: nowhere. */
  readonly tracesUrl: string | null;
}

// The agent's entry has the extension of this file, so that sources and dist/ both find their own.
const entry = fileURLToPath(new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

/** Throws one sentence where the file lacks something that only a local mesh needs. */
export function planParts({ mesh, configFile, controlPlanePort, tracesUrl }: PlanOptions): PlannedPart[] {
  const folder = dirname(resolve(configFile));
  const agents = mesh.agents.map(({ name, admin }): PlannedPart => {
    if (admin === null) throw new Error(`agent ${name} needs an "admin" address in ${configFile} to be run here`);
    const flags = ['--admin-host', admin.host, '--admin-port', String(admin.port)];
    return {
      name,
      kind: 'agent',
      command: ['node', entry, 'run', ...flags, '--log-level', 'warn', '--drain-time', '0'],
      folder,
      env: agentEnvironment(name, controlPlanePort, tracesUrl),
      readiness: { kind: 'admin', address: admin },
    };
  });
  const instances = mesh.services.flatMap(({ instances: members }) =>
    members.flatMap((instance): PlannedPart[] => {
      if (instance.run === null) return [];
      const command = fillCommand(instance.run, mesh, instance);
      const readiness = { kind: 'port', address: instance.app } as const;
      return [{ name: instance.name, kind: 'instance', command, folder, env: {}, readiness }];
    }),
  );
  const clients = mesh.clients.map(({ name, run }): PlannedPart => {
    return { name, kind: 'client', command: run, folder, env: {}, readiness: { kind: 'none' } };
  });
  return [...agents, ...instances, ...clients];
}

function agentEnvironment(node: string, controlPlanePort: number, tracesUrl: string | null): Record<string, string> {
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${controlPlanePort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: node },
  };
  return {
    // An empty file name counts as unset; the user's own bootstrap is not meant for these agents.
    GRPC_XDS_BOOTSTRAP: '',
    GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
    // The agent's own prefix wins over the OTEL_ variables that the user may have for other programs.
    OUTRIGGER_OTEL_SERVICE_NAME: node,
    ...(tracesUrl === null
      ? { OUTRIGGER_OTEL_TRACES_EXPORTER: 'none' }
      : {
          OUTRIGGER_OTEL_TRACES_EXPORTER: 'otlp',
          OUTRIGGER_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${tracesUrl}/v1/traces`,
          OUTRIGGER_OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
          OUTRIGGER_OTEL_TRACES_SAMPLER: 'parentbased_always_on',
          // A person waits for the trace of the call just made.
          OUTRIGGER_OTEL_BSP_SCHEDULE_DELAY: '500',
        }),
  };
}
