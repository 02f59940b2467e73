// The balancing policy of a cluster. Round robin is what there is; other policies are accepted as round robin.
import type { LbPolicy } from '../model/cluster.ts';
import type { ClusterMessage, LoadBalancingPolicyMessage } from './cluster-messages.ts';
import { type DecodeContext, readAny, typeNameOf } from './decode-context.ts';
import type { Scope } from './validation.ts';

export interface DecodedLbPolicy {
  readonly policy: LbPolicy;
  readonly localityWeighted: boolean;
}

const roundRobinType = 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin';
const leastRequestType = 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';
const wrrLocalityType = 'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality';

const roundRobin = { kind: 'round-robin' } as const;

/** WrrLocality holds a policy that could hold another one; Envoy and gRPC refuse deep nesting too (gRFC A52). */
const maxNesting = 8;

/** `load_balancing_policy` where it is set (gRFC A52), else `lb_policy` with `common_lb_config`. */
export function decodeLbPolicy(context: DecodeContext, message: ClusterMessage, scope: Scope): DecodedLbPolicy {
  if (message.load_balancing_policy !== null) {
    return decodePolicyList(context, message.load_balancing_policy, scope.at('load_balancing_policy'), 0);
  }
  if (message.lb_policy === 'LOAD_BALANCING_POLICY_CONFIG') {
    scope.at('lb_policy').fail('LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy');
  } else if (message.lb_policy !== 'ROUND_ROBIN') {
    scope.at('lb_policy').unsupported(`${message.lb_policy} is not supported, round robin takes its place`);
  }
  const localityWeighted = message.common_lb_config?.locality_weighted_lb_config !== undefined;
  return { policy: roundRobin, localityWeighted };
}

/** The first policy of the list that we know counts. */
function decodePolicyList(
  context: DecodeContext,
  message: LoadBalancingPolicyMessage,
  scope: Scope,
  depth: number,
): DecodedLbPolicy {
  if (message.policies.length === 0) scope.at('policies').fail('must not be empty');
  if (depth > maxNesting) scope.fail(`policies are nested more than ${maxNesting} deep`);
  for (const [index, { typed_extension_config: extension }] of message.policies.entries()) {
    const any = extension?.typed_config;
    if (any === null || any === undefined) continue;
    const at = scope.item('policies', index).at('typed_extension_config.typed_config');
    const type = typeNameOf(any.type_url);
    if (type === wrrLocalityType) {
      const config = readAny(context, type, any, at);
      const inner = config?.endpoint_picking_policy ?? null;
      if (config !== null && inner === null) at.at('endpoint_picking_policy').fail('required');
      if (inner !== null && depth <= maxNesting) {
        decodePolicyList(context, inner, at.at('endpoint_picking_policy'), depth + 1);
      }
      return { policy: roundRobin, localityWeighted: true };
    }
    if (type === roundRobinType || type === leastRequestType) {
      if (type === leastRequestType) at.unsupported('LeastRequest is not supported, round robin takes its place');
      const config = readAny(context, type, any, at);
      const localityWeighted = config?.locality_lb_config?.locality_weighted_lb_config !== undefined;
      return { policy: roundRobin, localityWeighted };
    }
  }
  if (message.policies.length > 0) {
    scope.at('policies').unsupported('none of these is supported, round robin takes their place');
  }
  return { policy: roundRobin, localityWeighted: false };
}
