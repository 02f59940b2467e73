// What an injection changes in a pod, decided once: a file is edited by it (yaml-injection.ts), and the admission webhook
// answers it as JSONPatch (json-patch.ts).
import { agentContainer } from './agent-container.ts';
import type { AppProbe } from './app-probe.ts';
import { controlPlaneNeeds } from './control-plane-needs.ts';
import { type JsonObject, objectOf } from './json.ts';
import { type ProbeChange, planProbes } from './probe-plan.ts';
import { rulesContainer, rulesVolume } from './rules-container.ts';
import type { InjectSettings } from './settings.ts';

export interface PodPlan {
  /** Go before what is there. */
  readonly firstInitContainers: readonly JsonObject[];
  /** Go behind what is there. */
  readonly lastInitContainers: readonly JsonObject[];
  /** Go before what is there. */
  readonly containers: readonly JsonObject[];
  readonly volumes: readonly JsonObject[];
  readonly probes: readonly ProbeChange[];
}

const DEFAULT_GRACE_SECONDS = 30;

/** `template`: metadata and spec of a pod without anything of ours. */
export function planPod(template: JsonObject, settings: InjectSettings, version: string): PodPlan {
  const spec = objectOf(template['spec']);
  const isCaptured = settings.interception === 'redirect';
  const probes = isCaptured && settings['rewrite-probes'] === 'true' ? planProbes(spec).changes : [];
  const needs = controlPlaneNeeds(settings);
  const grace = spec['terminationGracePeriodSeconds'];
  const agent = agentContainer({
    settings,
    needs,
    version,
    probes: askedProbes(probes),
    graceSeconds: typeof grace === 'number' ? grace : DEFAULT_GRACE_SECONDS,
  });
  const rules = isCaptured ? [rulesContainer(settings, version)] : [];
  const isNative = settings.form === 'native';
  return {
    // The agent runs before every other init container, so that these have a network, and it.
    firstInitContainers: isNative ? [...rules, agent] : [],
    // No agent runs yet: what is captured before the last init container is done would be lost.
    lastInitContainers: isNative ? [] : rules,
    containers: isNative ? [] : [agent],
    volumes: [...(isCaptured ? [rulesVolume] : []), ...needs.volumes],
    probes,
  };
}

function askedProbes(changes: readonly ProbeChange[]): Record<string, AppProbe> {
  return Object.fromEntries(changes.map(({ path, asks }) => [path, asks]));
}
