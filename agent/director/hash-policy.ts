// What a route's hash policies make of a call (envoy.config.route.v3.RouteAction.HashPolicy, gRFC A42): the number by
// which a cluster that balances by hash finds the endpoint.
import type { HashPolicy } from '../../xds/model/route.ts';
import { hashBytes } from '../balancer/hash.ts';
import { hostOf } from '../grpc/address-range.ts';
import { byteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import type { CallHash } from './decision.ts';
import { compileSubstitution } from './regex-substitution.ts';
import { queryValue, splitPath } from './request-path.ts';

/** The values of a call that are hashed together, as latin1 text; empty where it has none. */
type HashedValues = (head: CallHead, peer: string) => readonly string[];

interface CompiledPolicy {
  readonly values: HashedValues;
  readonly terminal: boolean;
}

/** `null` where there are no policies. */
export function compileHashPolicies(policies: readonly HashPolicy[]): CallHash | null {
  if (policies.length === 0) return null;
  const compiled = policies.map(
    (policy): CompiledPolicy => ({
      values: hashedValues(policy),
      terminal: policy.terminal,
    }),
  );
  return { of: (head, peer) => combine(compiled, head, peer) };
}

/** Policies that find something combine, in order; a terminal one is the last once anything was found. */
function combine(policies: readonly CompiledPolicy[], head: CallHead, peer: string): bigint | null {
  let hash: bigint | null = null;
  for (const { values, terminal } of policies) {
    const found = values(head, peer);
    if (found.length > 0) {
      // Of several values each hash is the seed of the next, as Envoy has it.
      const next = found.reduce((seed, value) => hashBytes(Buffer.from(value, 'latin1'), seed), 0n);
      // Turned by a bit, so that two policies which find the same don't undo each other.
      hash = hash === null ? next : BigInt.asUintN(64, (hash << 1n) | (hash >> 63n)) ^ next;
    }
    if (terminal && hash !== null) break;
  }
  return hash;
}

function hashedValues(policy: HashPolicy): HashedValues {
  switch (policy.kind) {
    case 'header':
      return headerValues(policy.name, policy.rewrite === null ? null : compileSubstitution(policy.rewrite));
    case 'cookie': {
      const name = byteText(policy.name);
      return ({ block }) => present(cookieValue(block.values('cookie'), name));
    }
    case 'query-parameter': {
      const name = byteText(policy.name);
      return ({ path }) => present(queryValue(splitPath(path).query, name));
    }
    case 'source-ip':
      return (_head, peer) => [hostOf(peer)];
    case 'connection':
      return (_head, peer) => [peer];
  }
}

/** Repeated fields are sorted, so that their order does not count (envoy-behaviours 10.3). Binary metadata is never hashed. */
function headerValues(name: string, rewrite: ((value: string) => string) | null): HashedValues {
  if (name.endsWith('-bin')) return () => [];
  return ({ block, authority }) => {
    const values = name === ':authority' || name === 'host' ? [authority] : block.values(name);
    const rewritten = rewrite === null ? values : values.map(rewrite);
    return rewritten.length < 2 ? rewritten : rewritten.toSorted();
  };
}

function present(value: string | null): readonly string[] {
  return value === null || value === '' ? [] : [value];
}

/** The first cookie of that name, without the quotes that may stand around its value (RFC 6265 section 4.1.1). */
function cookieValue(fields: readonly string[], name: string): string | null {
  for (const field of fields) {
    for (const pair of field.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      return pair
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
    }
  }
  return null;
}
