// The status of an xDS client as envoy.service.status.v3.ClientConfig, without anything secret.
import type { ControlPlaneStatus, ResourceFailure, ResourceStatus } from './client-status.ts';
import { resourceTypes } from './decode/resource-types.ts';
import { isHidden } from './model/resource.ts';
import { maskPrivateKeys } from './private-keys.ts';
import type {
  AnyMessage,
  ClientConfigMessage,
  GenericXdsConfigMessage,
  NodeMessage,
  TimestampMessage,
} from './protos.ts';

/**
 * One for each control plane. The scope of the first one, by which the client goes, is empty; the others are named by their
 * servers.
 */
export function encodeClientConfigs(
  node: NodeMessage,
  controlPlanes: readonly ControlPlaneStatus[],
  withContents: boolean,
): ClientConfigMessage[] {
  return controlPlanes.map(({ server, resources }, at) => ({
    node,
    client_scope: at === 0 ? '' : server,
    generic_xds_configs: resources.map((status) => encodeStatus(status, withContents)),
  }));
}

function encodeStatus(
  { type, name, state, accepted, error }: ResourceStatus,
  withContents: boolean,
): GenericXdsConfigMessage {
  const { typeUrl } = resourceTypes[type];
  const content = (bytes: Uint8Array | null): AnyMessage | null =>
    withContents && bytes !== null ? { type_url: typeUrl, value: maskPrivateKeys(bytes) } : null;
  return {
    type_url: typeUrl,
    name,
    version_info: accepted?.version ?? '',
    xds_config: accepted === null || isHidden(accepted.resource) ? null : content(accepted.bytes),
    last_updated: accepted === null ? null : encodeTime(accepted.at),
    client_status: state,
    // Nobody knows what a secret that could not be read is made of.
    error_state: error === null ? null : encodeFailure(error, type === 'secret' ? null : content(error.bytes)),
  };
}

function encodeFailure({ version, detail, at }: ResourceFailure, content: AnyMessage | null) {
  return { failed_configuration: content, last_update_attempt: encodeTime(at), details: detail, version_info: version };
}

function encodeTime(at: number): TimestampMessage {
  const seconds = Math.floor(at / 1000);
  return { seconds, nanos: Math.round((at - seconds * 1000) * 1e6) };
}
