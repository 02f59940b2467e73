// The init container that redirects the pod's connections to the agent, and leaves. It is the only one that may change
// the network, and it holds nothing else: no token, no certificate.
import { imageName } from './agent-container.ts';
import type { JsonObject } from './json.ts';
import { INBOUND_PORT, OUTBOUND_PORT, RULES_CONTAINER, STATUS_PORT, VOLUME_PREFIX } from './names.ts';
import type { InjectSettings } from './settings.ts';

/** iptables takes its lock in /run, and the root is read-only. */
export const rulesVolume: JsonObject = { name: `${VOLUME_PREFIX}run`, emptyDir: {} };

export function rulesContainer(settings: InjectSettings, version: string): JsonObject {
  const policy = settings['image-pull-policy'];
  return {
    name: RULES_CONTAINER,
    image: imageName(settings.image, version),
    ...(policy === '' ? {} : { imagePullPolicy: policy }),
    args: [
      ...['iptables', '--apply', '--uid', `${settings.uid}`],
      ...['--outbound-port', `${OUTBOUND_PORT}`, '--inbound-port', `${INBOUND_PORT}`],
      ...['--exclude-inbound-ports', [`${STATUS_PORT}`, ...settings['exclude-inbound-ports']].join(',')],
      ...given('--exclude-outbound-ports', settings['exclude-outbound-ports']),
      ...given('--exclude-outbound-cidrs', settings['exclude-outbound-cidrs']),
      ...given('--exclude-uids', settings['exclude-uids']),
    ],
    resources: { requests: { cpu: '10m', memory: '64Mi' } },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [{ name: `${VOLUME_PREFIX}run`, mountPath: '/run' }],
  };
}

function given(flag: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [flag, items.join(',')];
}
