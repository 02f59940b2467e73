// The balancing policy of a cluster: `load_balancing_policy`, a list of which the first that we know counts (gRFC A52),
// or the older `lb_policy` with its own fields in the cluster.
import type { LbPolicy } from '../model/cluster.ts';
import type {
  ClusterMessage,
  ConsistentHashingMessage,
  LeastRequestConfigMessage,
  LoadBalancingPolicyMessage,
  MaglevConfigMessage,
  RingHashConfigMessage,
} from './cluster-messages.ts';
import type { AnyMessage } from './core-messages.ts';
import { type DecodeContext, readAny, typeNameOf } from './decode-context.ts';
import { isPrime } from './prime.ts';
import type { Scope } from './validation.ts';

export interface DecodedLbPolicy {
  readonly policy: LbPolicy;
  readonly localityWeighted: boolean;
}

const package_ = 'envoy.extensions.load_balancing_policies';

const roundRobin = { kind: 'round-robin' } as const;

/** WrrLocality holds a policy that could hold another one; Envoy and gRPC refuse deep nesting too (gRFC A52). */
const maxNesting = 8;

/** Bounds and defaults of Envoy, whose fields these are; a ring is built by the thread that carries calls. */
const defaultChoices = 2;
const defaultRingSize = 1024;
const maxRingSizeAllowed = 8_388_608;
const maxRingSize = 65_536;
const defaultTableSize = 65_537;
const maxTableSize = 5_000_011;

export function decodeLbPolicy(context: DecodeContext, message: ClusterMessage, scope: Scope): DecodedLbPolicy {
  if (message.load_balancing_policy !== null) {
    return decodePolicyList(context, message.load_balancing_policy, scope.at('load_balancing_policy'), 0);
  }
  const common = message.common_lb_config;
  const commonScope = scope.at('common_lb_config');
  const localityWeighted = isLocalityWeighted(common, commonScope);
  const hashing = common?.consistent_hashing_lb_config ?? null;
  const hashingScope = commonScope.at('consistent_hashing_lb_config');
  switch (message.lb_policy) {
    case 'ROUND_ROBIN':
      reportSlowStart(message.round_robin_lb_config, scope.at('round_robin_lb_config'));
      return { policy: roundRobin, localityWeighted };
    case 'RANDOM':
      return { policy: { kind: 'random' }, localityWeighted };
    case 'LEAST_REQUEST': {
      const at = scope.at('least_request_lb_config');
      return { policy: decodeLeastRequest(message.least_request_lb_config, false, at), localityWeighted };
    }
    case 'RING_HASH': {
      const at = scope.at('ring_hash_lb_config');
      const policy = decodeRingHash(message.ring_hash_lb_config, hashing, at, hashingScope);
      return { policy, localityWeighted };
    }
    case 'MAGLEV': {
      const at = scope.at('maglev_lb_config');
      return { policy: decodeMaglev(message.maglev_lb_config, hashing, at, hashingScope), localityWeighted };
    }
    case 'LOAD_BALANCING_POLICY_CONFIG':
      scope.at('lb_policy').fail('LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy');
      return { policy: roundRobin, localityWeighted };
    default:
      scope.at('lb_policy').unsupported(`${message.lb_policy} is not supported, round robin takes its place`);
      return { policy: roundRobin, localityWeighted };
  }
}

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
    if (any === null || any === undefined || depth > maxNesting) continue;
    const at = scope.item('policies', index).at('typed_extension_config.typed_config');
    const decoded = decodeListed(context, any, at, depth);
    if (decoded !== null) return decoded;
  }
  if (message.policies.length > 0) {
    scope.at('policies').unsupported('none of these is supported, round robin takes their place');
  }
  return { policy: roundRobin, localityWeighted: false };
}

/** `null` where it is none that we know. */
function decodeListed(context: DecodeContext, any: AnyMessage, at: Scope, depth: number): DecodedLbPolicy | null {
  switch (typeNameOf(any.type_url)) {
    case `${package_}.wrr_locality.v3.WrrLocality`: {
      const config = readAny(context, `${package_}.wrr_locality.v3.WrrLocality`, any, at);
      const inner = config?.endpoint_picking_policy ?? null;
      const innerScope = at.at('endpoint_picking_policy');
      if (config !== null && inner === null) innerScope.fail('required');
      const policy = inner === null ? roundRobin : decodePolicyList(context, inner, innerScope, depth + 1).policy;
      return { policy, localityWeighted: true };
    }
    case `${package_}.round_robin.v3.RoundRobin`: {
      const config = readAny(context, `${package_}.round_robin.v3.RoundRobin`, any, at);
      reportSlowStart(config, at);
      return { policy: roundRobin, localityWeighted: isLocalityWeighted(config?.locality_lb_config, at) };
    }
    case `${package_}.random.v3.Random`: {
      const config = readAny(context, `${package_}.random.v3.Random`, any, at);
      return { policy: { kind: 'random' }, localityWeighted: isLocalityWeighted(config?.locality_lb_config, at) };
    }
    case `${package_}.least_request.v3.LeastRequest`: {
      const config = readAny(context, `${package_}.least_request.v3.LeastRequest`, any, at);
      const isFullScan = config?.selection_method === 'FULL_SCAN' || config?.enable_full_scan?.value === true;
      return {
        policy: decodeLeastRequest(config, isFullScan, at),
        localityWeighted: isLocalityWeighted(config?.locality_lb_config, at),
      };
    }
    case `${package_}.ring_hash.v3.RingHash`: {
      const config = readAny(context, `${package_}.ring_hash.v3.RingHash`, any, at);
      const newer = config?.consistent_hashing_lb_config ?? null;
      // Its two older fields say the same as those of the newer message.
      const policy = decodeRingHash(
        config,
        newer ?? config,
        at,
        newer === null ? at : at.at('consistent_hashing_lb_config'),
      );
      return { policy, localityWeighted: (config?.locality_weighted_lb_config ?? null) !== null };
    }
    case `${package_}.maglev.v3.Maglev`: {
      const config = readAny(context, `${package_}.maglev.v3.Maglev`, any, at);
      const hashing = config?.consistent_hashing_lb_config ?? null;
      const policy = decodeMaglev(config, hashing, at, at.at('consistent_hashing_lb_config'));
      return { policy, localityWeighted: (config?.locality_weighted_lb_config ?? null) !== null };
    }
    default:
      return null;
  }
}

type MaybeConfig<T> = T | null | undefined;

function decodeLeastRequest(config: MaybeConfig<LeastRequestConfigMessage>, isFullScan: boolean, at: Scope): LbPolicy {
  const choices = config?.choice_count?.value ?? defaultChoices;
  if (choices < 2) at.at('choice_count').fail('must be 2 or more');
  if ((config?.active_request_bias ?? null) !== null) {
    at.at('active_request_bias').unsupported('calls under way count in proportion to the weight');
  }
  reportSlowStart(config, at);
  return { kind: 'least-request', choices: isFullScan ? Number.MAX_SAFE_INTEGER : choices };
}

function decodeRingHash(
  config: MaybeConfig<RingHashConfigMessage>,
  hashing: ConsistentHashingMessage | null,
  at: Scope,
  hashingScope: Scope,
): LbPolicy {
  const minSize = config?.minimum_ring_size?.value ?? defaultRingSize;
  const maxSize = config?.maximum_ring_size?.value ?? maxRingSizeAllowed;
  if (minSize > maxRingSizeAllowed) at.at('minimum_ring_size').fail(`${minSize} is above ${maxRingSizeAllowed}`);
  if (maxSize > maxRingSizeAllowed) at.at('maximum_ring_size').fail(`${maxSize} is above ${maxRingSizeAllowed}`);
  if (minSize > maxSize) at.at('minimum_ring_size').fail(`${minSize} is above the maximum, ${maxSize}`);
  if (minSize > maxRingSize) at.at('minimum_ring_size').warn(`rings have at most ${maxRingSize} points here`);
  if (config?.hash_function === 'MURMUR_HASH_2') {
    at.at('hash_function').unsupported('MURMUR_HASH_2 is not supported, xxHash takes its place');
  }
  return {
    kind: 'ring-hash',
    minSize: Math.max(1, Math.min(minSize, maxRingSize)),
    maxSize: Math.max(1, Math.min(maxSize, maxRingSize)),
    key: decodeHashKey(hashing, hashingScope),
  };
}

function decodeMaglev(
  config: MaybeConfig<MaglevConfigMessage>,
  hashing: ConsistentHashingMessage | null,
  at: Scope,
  hashingScope: Scope,
): LbPolicy {
  const tableSize = config?.table_size?.value ?? defaultTableSize;
  if (tableSize > maxTableSize) at.at('table_size').fail(`${tableSize} is above ${maxTableSize}`);
  else if (!isPrime(tableSize)) at.at('table_size').fail(`${tableSize} is not a prime`);
  return { kind: 'maglev', tableSize, key: decodeHashKey(hashing, hashingScope) };
}

function decodeHashKey(hashing: ConsistentHashingMessage | null, at: Scope): 'address' | 'hostname' {
  if ((hashing?.hash_balance_factor ?? null) !== null) {
    at.at('hash_balance_factor').unsupported('the load of an endpoint is not bounded');
  }
  return hashing?.use_hostname_for_hashing ? 'hostname' : 'address';
}

function isLocalityWeighted(
  config: MaybeConfig<{ readonly zone_aware_lb_config?: object; readonly locality_weighted_lb_config?: object }>,
  scope: Scope,
): boolean {
  if (config?.zone_aware_lb_config !== undefined) {
    scope.at('zone_aware_lb_config').unsupported('calls are not kept in their own zone');
  }
  return config?.locality_weighted_lb_config !== undefined;
}

function reportSlowStart(config: MaybeConfig<{ readonly slow_start_config: object | null }>, scope: Scope): void {
  if ((config?.slow_start_config ?? null) === null) return;
  scope.at('slow_start_config').unsupported('a new endpoint has its whole share at once');
}
