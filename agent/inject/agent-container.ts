// The agent as a container: under a user of its own that can do nothing, with a read-only root.
import type { AppProbe } from './app-probe.ts';
import { type ControlPlaneNeeds, fieldVariable, variable } from './control-plane-needs.ts';
import type { JsonObject } from './json.ts';
import { AGENT_CONTAINER, STATUS_PORT } from './names.ts';
import { type InjectSettings, settings as usual } from './settings.ts';

export interface AgentContainerOptions {
  readonly settings: InjectSettings;
  readonly needs: ControlPlaneNeeds;
  /** The program's own, for an image without a tag. */
  readonly version: string;
  /** By path on the status port. */
  readonly probes: Readonly<Record<string, AppProbe>>;
  /** The pod's `terminationGracePeriodSeconds`: the one number that the agent's end follows from. */
  readonly graceSeconds: number;
}

const READY_SECONDS = 120;

export function agentContainer(options: AgentContainerOptions): JsonObject {
  const { settings, needs, version } = options;
  const isNative = settings.form === 'native';
  const policy = settings['image-pull-policy'];
  return {
    name: AGENT_CONTAINER,
    image: imageName(settings.image, version),
    ...(policy === '' ? {} : { imagePullPolicy: policy }),
    ...(isNative ? { restartPolicy: 'Always' } : {}),
    args: argumentsOf(options),
    env: environmentOf(options),
    ...(isNative ? {} : { lifecycle: { postStart: { exec: { command: waitCommand() } } } }),
    ...(isNative ? { startupProbe: readiness(1, READY_SECONDS) } : {}),
    readinessProbe: readiness(5, 3),
    resources: resourcesOf(settings),
    securityContext: {
      runAsUser: settings.uid,
      runAsGroup: settings.uid,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(needs.mounts.length === 0 ? {} : { volumeMounts: needs.mounts }),
  };
}

/** With the program's version where the image names neither tag nor digest. */
export function imageName(image: string, version: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? image : `${image}:${version}`;
}

function argumentsOf({ settings, graceSeconds }: AgentContainerOptions): string[] {
  const preset = settings['control-plane'];
  return [
    'run',
    ...(preset === '' ? [] : ['--control-plane', preset]),
    ...['--status-port', `${STATUS_PORT}`, '--termination-grace-period', `${graceSeconds}`],
    ...(settings.form === 'native' ? ['--app-ends-first'] : []),
    ...(settings.interception === 'redirect' ? interceptionOf(settings) : []),
    ...['--concurrency', `${settings.concurrency}`, '--unsupported', settings.unsupported],
    ...['--log-level', settings['log-level']],
  ];
}

function interceptionOf({ 'opaque-ports': ports }: InjectSettings): string[] {
  const opaque = ports.join(',');
  const isUsual = opaque === usual['opaque-ports'].fallback;
  return ['--interception', 'redirect', ...(isUsual ? [] : ['--opaque-ports', opaque])];
}

/** Kubernetes starts the containers behind this one when it returns (the classic form only). */
function waitCommand(): string[] {
  return ['node', 'bin/outrigger.js', 'status', '--wait', `${READY_SECONDS}`];
}

function environmentOf({ settings, needs, probes }: AgentContainerOptions): JsonObject[] {
  return [
    fieldVariable('POD_NAME', 'metadata.name'),
    fieldVariable('POD_NAMESPACE', 'metadata.namespace'),
    fieldVariable('POD_UID', 'metadata.uid'),
    fieldVariable('POD_IP', 'status.podIP'),
    fieldVariable('HOST_IP', 'status.hostIP'),
    fieldVariable('NODE_NAME', 'spec.nodeName'),
    fieldVariable('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    ...needs.env,
    ...(Object.keys(probes).length === 0 ? [] : [variable('OUTRIGGER_APP_PROBES', JSON.stringify(probes))]),
    ...settings.env.map(([name, value]) => variable(name, value)),
  ];
}

function readiness(periodSeconds: number, failureThreshold: number): JsonObject {
  return { httpGet: { path: '/ready', port: STATUS_PORT }, periodSeconds, failureThreshold };
}

function resourcesOf(settings: InjectSettings): JsonObject {
  const requests = amounts(settings['cpu-request'], settings['memory-request']);
  const limits = amounts(settings['cpu-limit'], settings['memory-limit']);
  return { ...(requests === null ? {} : { requests }), ...(limits === null ? {} : { limits }) };
}

function amounts(cpu: string, memory: string): JsonObject | null {
  const filled = Object.entries({ cpu, memory }).filter(([, amount]) => amount !== '');
  return filled.length === 0 ? null : Object.fromEntries(filled);
}
