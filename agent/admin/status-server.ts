// The port that the kubelet and Prometheus see (15020): readiness, metrics, and the application's own probes. It is open
// on all addresses of the pod, so it has nothing that changes anything, and nothing that tells of configuration.
import { type AppProbes, parseAppProbes } from '../inject/app-probe.ts';
import type { Log } from '../observe/log.ts';
import { type AdminAnswer, AdminHttp, type AdminRoute, plain } from './admin-http.ts';
import { askApp } from './ask-app.ts';

export interface StatusServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** `/ready`, `/live`, `/metrics`: the admin port's. */
  readonly routes: Readonly<Record<string, AdminRoute>>;
  /** By path, as the injector wrote them (`OUTRIGGER_APP_PROBES`); empty for none. Throws where it is not JSON. */
  readonly appProbes: string;
  /** Where the application listens. */
  readonly appHost: string;
  readonly log: Log;
}

export class StatusServer {
  readonly #http: AdminHttp;
  readonly #probes: AppProbes;

  constructor({ host, port, routes, appProbes, appHost, log }: StatusServerOptions) {
    this.#probes = parseAppProbes(appProbes);
    this.#http = new AdminHttp({
      host,
      port,
      flag: '--status-port',
      routes,
      log,
      fallback: (request) => this.#probe(request.path, appHost),
    });
  }

  /** Answers the port; of `descriptor`, where that socket listens on it already. Rejects with one sentence where it can't be had. */
  listen(descriptor: number | null = null): Promise<number> {
    return this.#http.listen(descriptor);
  }

  get descriptor(): number | null {
    return this.#http.descriptor;
  }

  /** Takes no further connection; requests under way are answered. */
  release(): void {
    this.#http.release();
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #probe(path: string, host: string): Promise<AdminAnswer | null> {
    const probe = this.#probes.get(path);
    if (probe === undefined) return null;
    const { status, text } = await askApp(probe, host);
    return plain(status, `${text}\n`);
  }
}
