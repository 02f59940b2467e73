// The application's probes. When what comes in is captured, the kubelet's probes would be answered by the agent (TCP), or
// refused for want of a certificate (mutual TLS). So the kubelet asks the agent's status port, and the agent asks the
// application, directly and as the probe says. `exec` needs no network and stays.
import type { AppProbe } from './app-probe.ts';
import { isPresent, type Json, type JsonObject, listOf, objectOf, textOf } from './json.ts';
import { STATUS_PORT } from './names.ts';

export const probeKinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
export const containerLists = ['containers', 'initContainers'] as const;

export type ProbeKind = (typeof probeKinds)[number];
export type ContainerList = (typeof containerLists)[number];

const pathOf: Readonly<Record<ProbeKind, string>> = {
  livenessProbe: 'livez',
  readinessProbe: 'readyz',
  startupProbe: 'startupz',
};

export type ProbeHandler = 'httpGet' | 'tcpSocket' | 'grpc';

/** A probe that asks the agent from now on. */
export interface ProbeChange {
  readonly list: ContainerList;
  /** Of the container in its list, before anything was added. */
  readonly index: number;
  readonly container: string;
  readonly probe: ProbeKind;
  readonly handler: ProbeHandler;
  /** The new `httpGet`. */
  readonly replacement: JsonObject;
  readonly path: string;
  readonly asks: AppProbe;
}

export interface ProbePlan {
  readonly changes: readonly ProbeChange[];
  /** Probes that stay as they are though they should not, and why. */
  readonly warnings: readonly string[];
}

export function planProbes(podSpec: JsonObject): ProbePlan {
  const changes: ProbeChange[] = [];
  const warnings: string[] = [];
  for (const list of containerLists) {
    for (const [index, entry] of listOf(podSpec[list]).entries()) {
      const container = objectOf(entry);
      for (const probe of probeKinds) {
        if (!isPresent(container[probe])) continue;
        const planned = planProbe(container, probe);
        if (planned === null) continue;
        const name = textOf(container['name']);
        if (typeof planned === 'string') warnings.push(`${probe} of container ${name} stays as it is: ${planned}`);
        else changes.push({ list, index, container: name, probe, ...planned });
      }
    }
  }
  return { changes, warnings };
}

type Planned = Pick<ProbeChange, 'handler' | 'replacement' | 'path' | 'asks'>;

/** `null`: nothing to do; text: why it can't be done. */
function planProbe(container: JsonObject, kind: ProbeKind): Planned | string | null {
  const probe = objectOf(container[kind]);
  const handler = (['httpGet', 'tcpSocket', 'grpc'] as const).find((name) => isPresent(probe[name]));
  if (handler === undefined) return null;
  const action = objectOf(probe[handler]);
  // It asks something else than this pod, and what goes out from the kubelet's node is nobody's to capture.
  if (textOf(action['host']) !== '') return null;
  const port = portOf(container, action['port']);
  if (port === null) return `its port ${JSON.stringify(action['port'] ?? null)} is none of the container's`;
  // Once injected before, by whatever means.
  if (handler === 'httpGet' && port === STATUS_PORT) return null;
  const path = `/app-health/${textOf(container['name'])}/${pathOf[kind]}`;
  const seconds = probe['timeoutSeconds'];
  const asks: AppProbe = {
    [handler]: { ...action, port },
    timeoutSeconds: typeof seconds === 'number' && seconds > 0 ? seconds : 1,
  };
  return { handler, replacement: { path, port: STATUS_PORT }, path, asks };
}

function portOf(container: JsonObject, port: Json | undefined): number | null {
  if (typeof port === 'number') return port;
  if (typeof port !== 'string') return null;
  if (/^\d+$/.test(port)) return Number(port);
  const named = listOf(container['ports']).find((entry) => objectOf(entry)['name'] === port);
  const number = objectOf(named)['containerPort'];
  return typeof number === 'number' ? number : null;
}
