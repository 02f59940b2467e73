// JSONPatch (RFC 6902) applied to a plain value: what an API server does with the webhook's answer. Only the operations
// that json-patch.ts makes.
import type { Json } from './json.ts';
import type { JsonPatchOperation } from './json-patch.ts';

/** A patched copy. Throws an Error that names the path where an operation does not fit. */
export function applyPatch(value: Json, operations: readonly JsonPatchOperation[]): Json {
  const root = { value: structuredClone(value) as Json };
  for (const operation of operations) apply(root, operation);
  return root.value;
}

type Container = Record<string, Json> | Json[];

function apply(root: { value: Json }, { op, path, value = null }: JsonPatchOperation): void {
  const steps = path.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop()!;
  let parent = root as unknown as Container;
  for (const step of ['value', ...steps.slice(1)]) {
    const next = Array.isArray(parent) ? parent[Number(step)] : parent[step];
    if (typeof next !== 'object' || next === null) throw new Error(`there is nothing at ${path} to ${op}`);
    parent = next as Container;
  }
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [structuredClone(value)]));
  } else if (op === 'remove') delete parent[last];
  else parent[last] = structuredClone(value);
}
