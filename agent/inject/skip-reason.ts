// Pods that are left as they are, and why.
import { type JsonObject, listOf, objectOf, textOf } from './json.ts';
import { AGENT_CONTAINER, INJECT_ANNOTATION } from './names.ts';

/** What belongs to the cluster itself: without it nothing that could repair it would start. */
const systemNamespaces: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
  'outrigger-system',
];

/** Containers of other meshes, by name or by the end of their image's name; two sidecars would redirect to each other. */
const otherMeshes: readonly { readonly mesh: string; readonly names: readonly string[]; readonly image: RegExp }[] = [
  { mesh: 'Istio', names: ['istio-proxy', 'istio-init', 'istio-validation'], image: /\/proxyv2$/ },
  { mesh: 'linkerd', names: ['linkerd-proxy', 'linkerd-init'], image: /\/linkerd\/proxy(?:-init)?$/ },
  { mesh: 'Kuma', names: ['kuma-sidecar', 'kuma-init'], image: /\/kuma-(?:dp|init)$/ },
  { mesh: 'Consul', names: ['consul-dataplane', 'consul-connect-inject-init'], image: /\/consul-dataplane$/ },
];

/** `owner`: metadata of what has the pod template, `namespace`: where the pod will run, empty if unknown. */
export function skipReason(template: JsonObject, owner: JsonObject, namespace: string): string | null {
  const spec = objectOf(template['spec']);
  const wish = wishIn(objectOf(template['metadata'])) || wishIn(owner);
  if (wish === 'disabled') return `${INJECT_ANNOTATION} is disabled`;
  if (systemNamespaces.includes(namespace)) return `the namespace ${namespace} belongs to the cluster itself`;
  if (spec['hostNetwork'] === true) return "hostNetwork: the rules would redirect the node's own connections";
  if (textOf(objectOf(spec['os'])['name']) === 'windows') return 'the pod is for Windows';
  const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].map(objectOf);
  if (listOf(spec['containers']).length === 0) return 'the pod has no containers';
  const mesh = otherMeshes.find(({ names, image }) =>
    containers.some(({ name, image: of }) => names.includes(textOf(name)) || image.test(imagePath(textOf(of)))),
  );
  if (mesh !== undefined) return `the pod has a sidecar of ${mesh.mesh}`;
  const isTaken = containers.some(({ name }) => name === AGENT_CONTAINER);
  if (isTaken) return `the pod has a container named ${AGENT_CONTAINER} that was not injected`;
  return null;
}

/** A label does as well, since API servers can choose by labels alone. */
function wishIn(metadata: JsonObject): string {
  const { annotations, labels } = metadata;
  return textOf(objectOf(annotations)[INJECT_ANNOTATION]) || textOf(objectOf(labels)[INJECT_ANNOTATION]);
}

/** Without tag and digest, and with a slash before it, so that a bare name is the end of a path too. */
function imagePath(image: string): string {
  const [named = ''] = image.split('@');
  return `/${named.replace(/:[^:/]*$/, '')}`;
}
