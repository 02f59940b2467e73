// Which Kubernetes objects have pods in them, and where.
import { isPresent, type Json, type JsonObject, listOf, objectOf, textOf } from './json.ts';

export type Path = readonly (string | number)[];

/** An object of a file, or an item of a `List`. */
export interface PodOwner {
  readonly kind: string;
  /** Empty where the object has none, or leaves it to the API server (`generateName`). */
  readonly name: string;
  readonly namespace: string;
  /** From the document's root to what has `metadata` and `spec` of a pod. */
  readonly template: Path;
}

/** Of the document's root; all but a `Pod` have a template in it. */
const templatePaths: Readonly<Record<string, Path>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  PodTemplate: ['template'],
  DeploymentConfig: ['spec', 'template'],
};

/** An object without pods, and what it is. */
export interface OtherObject {
  readonly kind: string;
  readonly name: string;
}

export interface FoundObjects {
  readonly owners: readonly PodOwner[];
  readonly others: readonly OtherObject[];
}

/** All objects of a document; a `List` (or a `DeploymentList`, ...) is looked into, and lists in it too. */
export function findObjects(document: Json, at: Path = []): FoundObjects {
  const object = objectOf(document);
  const kind = textOf(object['kind']);
  if (kind === 'List' || (kind.endsWith('List') && Array.isArray(object['items']))) {
    const items = listOf(object['items']).map((item, i) => findObjects(item, [...at, 'items', i]));
    return { owners: items.flatMap(({ owners }) => owners), others: items.flatMap(({ others }) => others) };
  }
  const metadata = objectOf(object['metadata']);
  const name = textOf(metadata['name']) || textOf(metadata['generateName']);
  const path = templatePaths[kind];
  const template = path === undefined ? undefined : valueAt(object, path);
  if (path === undefined || !isPresent(objectOf(template)['spec'])) return { owners: [], others: [{ kind, name }] };
  const owner = { kind, name, namespace: textOf(metadata['namespace']), template: [...at, ...path] };
  return { owners: [owner], others: [] };
}

export function valueAt(value: Json | undefined, path: Path): Json | undefined {
  let found = value;
  for (const step of path) found = typeof step === 'number' ? listOf(found)[step] : objectOf(found)[step];
  return found;
}

/** The annotations that a pod of this template has. */
export function annotationsOf(template: JsonObject): JsonObject {
  return objectOf(objectOf(template['metadata'])['annotations']);
}
