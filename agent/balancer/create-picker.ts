// The picker of a cluster's policy, for one set of endpoints.
import { formatAddress } from '../../xds/model/address.ts';
import type { HashKey, LbPolicy } from '../../xds/model/cluster.ts';
import type { Endpoint } from '../../xds/model/endpoints.ts';
import { LeastRequestPicker, RandomPicker } from './drawn-pickers.ts';
import { HashPicker } from './hash-picker.ts';
import { buildMaglev, buildRing, type HashMember } from './hash-table.ts';
import { type Picker, pickEndpoint, type Weighted } from './picker.ts';

/** An endpoint that takes calls, and its weight among those beside it, above 0. */
export interface Leaf {
  /** In the flat list of all endpoints. */
  readonly index: number;
  readonly endpoint: Endpoint;
  readonly weight: number;
}

export interface LeafOptions {
  readonly policy: LbPolicy;
  readonly random: () => number;
  readonly activeOf: (endpoint: number) => number;
}

/** `null` when there is no endpoint. */
export function createLeafPicker(leaves: readonly Leaf[], { policy, random, activeOf }: LeafOptions): Picker | null {
  if (leaves.length === 0) return null;
  switch (policy.kind) {
    case 'round-robin':
      return pickEndpoint(weighted(leaves), random);
    case 'random':
      return new RandomPicker(weighted(leaves), random);
    case 'least-request':
      return new LeastRequestPicker(weighted(leaves), policy.choices, activeOf, random);
    case 'ring-hash':
      return hashed(leaves, policy.key, (members) => buildRing(members, policy.minSize, policy.maxSize));
    case 'maglev':
      return hashed(leaves, policy.key, (members) => buildMaglev(members, policy.tableSize));
  }
}

function weighted(leaves: readonly Leaf[]): readonly Weighted<number>[] {
  return leaves.map(({ index, weight }) => ({ member: index, weight }));
}

/** In the order of their keys, so that agents which know the endpoints in different orders agree. */
function hashed(
  leaves: readonly Leaf[],
  key: HashKey,
  build: (members: readonly HashMember[]) => ReturnType<typeof buildRing>,
): Picker {
  const members = leaves
    .map(({ index, endpoint, weight }) => ({ index, key: hashKeyOf(endpoint, key), weight }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  return new HashPicker(
    members.map(({ index }) => index),
    build(members),
  );
}

function hashKeyOf({ hashKey, hostname, address }: Endpoint, key: HashKey): string {
  if (hashKey !== '') return hashKey;
  return key === 'hostname' && hostname !== '' ? hostname : formatAddress(address);
}
