// What each control plane's preset wants to find in the pod: variables, a token, certificates, labels
// (docs/control-planes). What is here and what agent/config/presets reads are two sides of one contract.
import type { JsonObject } from './json.ts';
import { VOLUME_PREFIX } from './names.ts';
import type { InjectSettings } from './settings.ts';

export interface ControlPlaneNeeds {
  readonly env: readonly JsonObject[];
  readonly volumes: readonly JsonObject[];
  readonly mounts: readonly JsonObject[];
}

const TOKEN_SECONDS = 43_200;
const TOKEN_FOLDER = '/var/run/secrets/outrigger';
const BOOTSTRAP_FOLDER = '/etc/outrigger';

const none: ControlPlaneNeeds = { env: [], volumes: [], mounts: [] };

export function controlPlaneNeeds(settings: InjectSettings): ControlPlaneNeeds {
  return together([bootstrapNeeds(settings), presetNeeds(settings), tokenNeeds(settings)]);
}

function bootstrapNeeds(settings: InjectSettings): ControlPlaneNeeds {
  const configMap = settings['bootstrap-config-map'];
  if (configMap !== '') {
    const name = `${VOLUME_PREFIX}bootstrap`;
    return {
      env: [variable('GRPC_XDS_BOOTSTRAP', `${BOOTSTRAP_FOLDER}/bootstrap.json`)],
      volumes: [{ name, configMap: { name: configMap } }],
      mounts: [{ name, mountPath: BOOTSTRAP_FOLDER, readOnly: true }],
    };
  }
  if (settings.bootstrap !== '') {
    return { ...none, env: [variable('GRPC_XDS_BOOTSTRAP_CONFIG', settings.bootstrap)] };
  }
  const server = settings['xds-server'];
  return server === '' ? none : { ...none, env: [variable('OUTRIGGER_XDS_SERVER', server)] };
}

function presetNeeds(settings: InjectSettings): ControlPlaneNeeds {
  switch (settings['control-plane']) {
    case 'istio':
    case 'istio-grpc':
      return istioNeeds(settings['token-audience'] || 'istio-ca');
    case 'envoy-gateway': {
      const name = `${VOLUME_PREFIX}certs`;
      return {
        env: [],
        volumes: [{ name, secret: { secretName: 'envoy' } }],
        mounts: [{ name, mountPath: '/certs', readOnly: true }],
      };
    }
    case 'kuma':
      return { ...none, env: [variable('KUMA_DATAPLANE_NAME', '$(POD_NAME).$(POD_NAMESPACE)')] };
    default:
      return none;
  }
}

function istioNeeds(audience: string): ControlPlaneNeeds {
  const [token, root, info] = ['token', 'istio-root', 'pod-info'].map((word) => `${VOLUME_PREFIX}${word}`);
  const labels = { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } };
  return {
    env: [fieldVariable('INSTANCE_IP', 'status.podIP')],
    volumes: [
      tokenVolume(token!, 'istio-token', audience),
      { name: root!, configMap: { name: 'istio-ca-root-cert' } },
      { name: info!, downwardAPI: { items: [labels] } },
    ],
    mounts: [
      { name: token!, mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: root!, mountPath: '/var/run/secrets/istio', readOnly: true },
      { name: info!, mountPath: '/etc/istio/pod', readOnly: true },
    ],
  };
}

/** A token for whom the user names, where no preset brings its own. */
function tokenNeeds(settings: InjectSettings): ControlPlaneNeeds {
  const audience = settings['token-audience'];
  if (audience === '' || settings['control-plane'].startsWith('istio')) return none;
  const name = `${VOLUME_PREFIX}token`;
  return {
    env: [variable('OUTRIGGER_XDS_TOKEN_FILE', `${TOKEN_FOLDER}/token`)],
    volumes: [tokenVolume(name, 'token', audience)],
    mounts: [{ name, mountPath: TOKEN_FOLDER, readOnly: true }],
  };
}

function tokenVolume(name: string, path: string, audience: string): JsonObject {
  const serviceAccountToken = { path, audience, expirationSeconds: TOKEN_SECONDS };
  return { name, projected: { sources: [{ serviceAccountToken }] } };
}

export function variable(name: string, value: string): JsonObject {
  return { name, value };
}

/** A variable that the downward API fills. */
export function fieldVariable(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function together(parts: readonly ControlPlaneNeeds[]): ControlPlaneNeeds {
  return {
    env: parts.flatMap(({ env }) => env),
    volumes: parts.flatMap(({ volumes }) => volumes),
    mounts: parts.flatMap(({ mounts }) => mounts),
  };
}
