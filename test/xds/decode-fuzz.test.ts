// Decoders must answer any bytes with a model or with problems, and never throw: the bytes come from the network.
// Three sources: plain noise, a valid resource with some bytes changed, and a valid resource cut short.
import test from 'ava';
import fc from 'fast-check';
import { decodeResource } from '../../xds/decode/resource-types.ts';
import type { ResourceType } from '../../xds/model/resource.ts';
import { decodeOptions } from './decoding.ts';
import { cluster, connectionManager, endpoints, listenerMessage, pack, route, routeMessage } from './messages.ts';

const inline = connectionManager({ route_config: routeMessage('r', ['a', 'b']) });
const valid: readonly (readonly [ResourceType, Uint8Array])[] = [
  ['listener', pack('envoy.config.listener.v3.Listener', listenerMessage('l', inline)).value],
  ['route', route('r', 'a', 'b', 'c').value],
  ['cluster', cluster('c', { load_balancing_policy: { policies: [{}] } }).value],
  ['endpoints', endpoints('e', 1, 2, 3).value],
];

const noise = fc.tuple(
  fc.constantFrom<ResourceType>('listener', 'route', 'cluster', 'endpoints'),
  fc.uint8Array({ maxLength: 200 }),
);
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
const changed = fc.tuple(fc.constantFrom(...valid), edits).map(([[type, bytes], changes]) => {
  const copy = Uint8Array.from(bytes);
  for (const [at, value] of changes) copy[at % copy.length] = value;
  return [type, copy] as const;
});
const cut = fc
  .tuple(fc.constantFrom(...valid), fc.nat())
  .map(([[type, bytes], at]) => [type, bytes.subarray(0, at % bytes.length)] as const);

test('no bytes make a decoder throw, and each refusal says why', (t) => {
  const property = fc.property(fc.oneof(noise, changed, cut), ([type, bytes]) => {
    for (const unsupported of ['reject', 'warn', 'ignore'] as const) {
      const result = decodeResource(type, bytes, { ...decodeOptions, unsupported });
      if (result.kind === 'invalid') return result.errors.length > 0 && result.errors.every((error) => error !== '');
      if (result.resource.type !== type || result.name === '') return false;
      // Plain data: what crosses to another thread.
      structuredClone(result.resource);
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { seed: 20261122, numRuns: 100_000, interruptAfterTimeLimit: 1000 }));
});

test('a message nested very deep is refused, not overflowed into', (t) => {
  let policies: object = {};
  for (let depth = 0; depth < 40; depth++) {
    const typeName = 'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality';
    const typed = pack(typeName, { endpoint_picking_policy: policies });
    policies = { policies: [{ typed_extension_config: { name: 'deep', typed_config: typed } }] };
  }
  const result = decodeResource('cluster', cluster('c', { load_balancing_policy: policies }).value, decodeOptions);
  t.regex(result.kind === 'invalid' ? result.errors.join() : '', /nested more than 8 deep/);
});
