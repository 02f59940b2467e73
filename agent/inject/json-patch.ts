// A plan as JSONPatch (RFC 6902), as admission webhooks answer it.
import { formatStatus, type InjectionStatus } from './injection-status.ts';
import { isPresent, type Json, type JsonObject, objectOf, textOf } from './json.ts';
import { STATUS_ANNOTATION } from './names.ts';
import type { PodPlan } from './pod-plan.ts';

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  /** A JSON pointer (RFC 6901). */
  readonly path: string;
  readonly value?: Json;
}

/** Operations on a pod (or on a template, whose `metadata` and `spec` are the same), to be done in this order. */
export function podPatch(pod: JsonObject, plan: PodPlan): JsonPatchOperation[] {
  const spec = objectOf(pod['spec']);
  return [
    ...plan.probes.flatMap((change): JsonPatchOperation[] => {
      const probe = `/spec/${change.list}/${change.index}/${change.probe}`;
      const add: JsonPatchOperation = { op: 'add', path: `${probe}/httpGet`, value: change.replacement };
      return change.handler === 'httpGet'
        ? [{ ...add, op: 'replace' }]
        : [{ op: 'remove', path: `${probe}/${change.handler}` }, add];
    }),
    ...prepend(spec, 'initContainers', plan.firstInitContainers),
    ...append(spec, 'initContainers', plan.lastInitContainers),
    ...prepend(spec, 'containers', plan.containers),
    ...prepend(spec, 'volumes', plan.volumes),
    ...annotate(pod, formatStatus(statusOf(pod, plan))),
  ];
}

function prepend(spec: JsonObject, list: string, items: readonly JsonObject[]): JsonPatchOperation[] {
  if (items.length === 0) return [];
  if (!isPresent(spec[list])) return [{ op: 'add', path: `/spec/${list}`, value: items }];
  return items.map((value, i) => ({ op: 'add', path: `/spec/${list}/${i}`, value }));
}

function append(spec: JsonObject, list: string, items: readonly JsonObject[]): JsonPatchOperation[] {
  if (items.length === 0) return [];
  if (!isPresent(spec[list])) return [{ op: 'add', path: `/spec/${list}`, value: items }];
  return items.map((value) => ({ op: 'add', path: `/spec/${list}/-`, value }));
}

function annotate(pod: JsonObject, status: string): JsonPatchOperation[] {
  const metadata = pod['metadata'];
  if (!isPresent(metadata)) {
    return [{ op: 'add', path: '/metadata', value: { annotations: { [STATUS_ANNOTATION]: status } } }];
  }
  if (!isPresent(objectOf(metadata)['annotations'])) {
    return [{ op: 'add', path: '/metadata/annotations', value: { [STATUS_ANNOTATION]: status } }];
  }
  const key = STATUS_ANNOTATION.replaceAll('~', '~0').replaceAll('/', '~1');
  return [{ op: 'add', path: `/metadata/annotations/${key}`, value: status }];
}

/** What the status says of it; the original texts are JSON, as there is no other text. */
function statusOf(pod: JsonObject, plan: PodPlan): InjectionStatus {
  const spec = objectOf(pod['spec']);
  const namesOf = (items: readonly JsonObject[]) => items.map(({ name }) => textOf(name));
  const init = namesOf([...plan.firstInitContainers, ...plan.lastInitContainers]);
  const added = {
    ...(init.length === 0 ? {} : { initContainers: init }),
    ...(plan.containers.length === 0 ? {} : { containers: namesOf(plan.containers) }),
    ...(plan.volumes.length === 0 ? {} : { volumes: namesOf(plan.volumes) }),
  };
  const created: string[] = [];
  for (const list of Object.keys(added)) if (!(list in spec)) created.push(`spec/${list}`);
  if (!('metadata' in pod)) created.push('metadata');
  else if (!('annotations' in objectOf(pod['metadata']))) created.push('metadata/annotations');
  const original: Record<string, string> = {};
  for (const { list, container, probe, index, handler } of plan.probes) {
    const entry = objectOf((spec[list] as readonly Json[])[index]);
    original[`${list}/${container}/${probe}`] =
      `${JSON.stringify(handler)}: ${JSON.stringify(objectOf(entry[probe])[handler])}`;
  }
  return { added, created, original };
}
