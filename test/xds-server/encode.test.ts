// Encoding is the mirror of decoding: what the model holds goes through the wire and comes back the same, without a
// single warning, so that the embedded control plane can never say something its own agents do not carry out.
import test from 'ava';
import fc from 'fast-check';
import type { MessageTypes } from '../../xds/decode/decode-context.ts';
import { decodeResource } from '../../xds/decode/resource-types.ts';
import { encodeCluster } from '../../xds/encode/cluster.ts';
import { encodeResource } from '../../xds/encode/resource.ts';
import { encodeRouteConfiguration } from '../../xds/encode/route.ts';
import { encodeDuration } from '../../xds/encode/values.ts';
import { loadProtos } from '../../xds/protos.ts';
import { wireSchemaOf } from '../../xds/wire-schema.ts';
import { resource } from './arbitrary-resources.ts';
import { cluster, route } from './resources.ts';

const protos = loadProtos();

test('decode(encode(resource)) is the resource, with nothing to warn of', (t) => {
  const options = {
    read: <Name extends keyof MessageTypes>(typeName: Name, bytes: Uint8Array) =>
      protos.decode(typeName, bytes) as MessageTypes[Name],
    readFile: null,
    unsupported: 'warn',
    schema: wireSchemaOf(protos.describe),
  } as const;
  fc.assert(
    fc.property(resource, (sent) => {
      const received = decodeResource(sent.type, encodeResource(sent, protos.pack).value, options);
      t.deepEqual(received, { kind: 'valid', name: sent.value.name, resource: sent, warnings: [] });
    }),
    { interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false, numRuns: 1_000 },
  );
});

test('encoding is deterministic, since versions are made from the bytes', (t) => {
  fc.assert(
    fc.property(resource, (sent) => {
      const copy = structuredClone(sent);
      t.deepEqual(encodeResource(sent, protos.pack), encodeResource(copy, protos.pack));
    }),
    { interruptAfterTimeLimit: 1_000, markInterruptAsFailure: false, numRuns: 200 },
  );
});

test('no timeout is written as 0, for an unset one means 15 s to Envoy', (t) => {
  const { value } = route('mesh', 'a') as { value: Parameters<typeof encodeRouteConfiguration>[0] };
  const text = JSON.stringify(encodeRouteConfiguration(value, protos.pack));
  t.true(text.includes('"timeout":{"seconds":0,"nanos":0}'), text);
});

test('durations are exact', (t) => {
  t.deepEqual(encodeDuration(1_500), { seconds: 1, nanos: 500_000_000 });
  t.deepEqual(encodeDuration(0), { seconds: 0, nanos: 0 });
  t.deepEqual(encodeDuration(999), { seconds: 0, nanos: 999_000_000 });
});

test('what a decoder could not express cannot be encoded either, and the error says which resource it was', (t) => {
  const { value } = cluster('odd') as { value: Parameters<typeof encodeCluster>[0] };
  const odd = { ...value, discovery: { kind: 'unsupported', reason: 'type: ORIGINAL_DST' } } as const;
  t.throws(() => encodeCluster(odd, protos.pack), {
    instanceOf: TypeError,
    message: 'cluster odd cannot be encoded: type: ORIGINAL_DST',
  });
});
