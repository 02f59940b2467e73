// The port that the kubelet and Prometheus see (15020): readiness, metrics, and the application's own probes. It is open
// on all addresses of the pod, so it has nothing that changes anything, and nothing that tells of configuration.
import { parseAppProbes } from '../inject/app-probe.ts';
import type { Log } from '../observe/log.ts';
import { type AdminAnswer, AdminHttp, type AdminRequest, type AdminRoute, plain } from './admin-http.ts';
import { askApp } from './ask-app.ts';

export interface StatusServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** `/ready`, `/live`, `/metrics`: the admin port's. */
  readonly routes: Readonly<Record<string, AdminRoute>>;
  /** By path, as the injector wrote them (`OUTRIGGER_APP_PROBES`); empty for none. */
  readonly appProbes: string;
  /** Where the application listens. */
  readonly appHost: string;
  readonly log: Log;
}

/** Throws where `appProbes` is not JSON. */
export function createStatusServer({ host, port, routes, appProbes, appHost, log }: StatusServerOptions): AdminHttp {
  const probes = parseAppProbes(appProbes);
  const fallback = async ({ path }: AdminRequest): Promise<AdminAnswer | null> => {
    const probe = probes.get(path);
    if (probe === undefined) return null;
    const { status, text } = await askApp(probe, appHost);
    return plain(status, `${text}\n`);
  };
  return new AdminHttp({ host, port, flag: '--status-port', routes, log, fallback });
}
