// The ports of the agent's own, which no configuration names: admin, status, and the status of the xDS client (CSDS).
import type { ReadClientConfigs } from '../xds/server/client-status-server.ts';
import { ClientStatusServer } from '../xds/server/client-status-server.ts';
import type { AdminHttp } from './admin/admin-http.ts';
import { createAdminServer, statusRoutes } from './admin/admin-server.ts';
import type { AdminSource } from './admin/admin-source.ts';
import { createStatusServer } from './admin/status-server.ts';
import type { DescriptorPassing } from './native/descriptor-passing.ts';
import type { Log } from './observe/log.ts';
import { type InheritedSockets, type PassedSocket, socketName } from './takeover/inherited-sockets.ts';

export interface AgentPortsOptions {
  readonly adminHost: string;
  /** 0 takes any free port. */
  readonly adminPort: number;
  /** `null`: there is none. */
  readonly statusPort: number | null;
  /** `null`: there is none. */
  readonly csdsPort: number | null;
  /** `OUTRIGGER_APP_PROBES` and `POD_IP` are read from here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly source: AdminSource;
  readonly readClientConfigs: ReadClientConfigs;
  readonly log: Log;
}

export class AgentPorts {
  readonly #options: AgentPortsOptions;
  readonly #admin: AdminHttp;
  readonly #status: AdminHttp | null;
  readonly #csds: ClientStatusServer | null;

  constructor(options: AgentPortsOptions) {
    this.#options = options;
    const { adminHost, adminPort, statusPort, csdsPort, env, source, readClientConfigs, log } = options;
    this.#admin = createAdminServer({ host: adminHost, port: adminPort, log, source });
    const routes = statusRoutes(source);
    const probes = { appProbes: env['OUTRIGGER_APP_PROBES'] ?? '', appHost: env['POD_IP'] || '127.0.0.1' };
    this.#status =
      statusPort === null ? null : createStatusServer({ host: '', port: statusPort, routes, ...probes, log });
    this.#csds = csdsPort === null ? null : new ClientStatusServer(readClientConfigs);
  }

  /** Admin and status, by the sockets that are there for them. Rejects with one sentence when one of them can't be had. */
  async open(sockets: InheritedSockets): Promise<void> {
    const { adminHost, adminPort: wantedPort, statusPort: wantedStatusPort, log } = this.#options;
    const adminPort = await this.#admin.listen(sockets.takeOne(socketName('admin', adminHost, wantedPort)));
    if (this.#status !== null) {
      const port = await this.#status.listen(sockets.takeOne(socketName('status', '', wantedStatusPort ?? 0)));
      log('info', 'status listens', { port });
    }
    log('info', 'admin listens', { host: adminHost, port: adminPort });
  }

  /** Rejects with one sentence when it can't be had. */
  async openCsds(): Promise<void> {
    const { csdsPort, log } = this.#options;
    if (csdsPort === null) return;
    const port = await this.#csds?.listen({ host: '127.0.0.1', port: csdsPort });
    log('info', 'client status (CSDS) listens', { port });
  }

  /** Copies of the sockets of admin and status, which are the caller's to close. */
  lend({ duplicate }: DescriptorPassing): PassedSocket[] {
    const { adminHost, adminPort, statusPort } = this.#options;
    const own = [
      { name: socketName('admin', adminHost, adminPort), descriptor: this.#admin.descriptor },
      { name: socketName('status', '', statusPort ?? 0), descriptor: this.#status?.descriptor ?? null },
    ];
    return own.flatMap(({ name, descriptor: original }) => {
      const descriptor = original === null ? null : duplicate(original);
      return descriptor === null ? [] : [{ name, descriptor }];
    });
  }

  /** Another agent has them now: requests under way are answered, and no further ones come. */
  release(): void {
    this.#csds?.close();
    this.#admin.release();
    this.#status?.release();
  }

  async close(): Promise<void> {
    this.#csds?.close();
    await this.#admin.close();
    await this.#status?.close();
  }
}
