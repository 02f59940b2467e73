// What a resource sets and proto/ does not define is told like everything else that is not carried out: by its path, under
// the same policy.
import test from 'ava';
import fc from 'fast-check';
import { decodeResource } from '../../xds/decode/resource-types.ts';
import { reportUnknownFields } from '../../xds/decode/unknown-fields.ts';
import { Problems } from '../../xds/decode/validation.ts';
import type { ResourceType } from '../../xds/model/resource.ts';
import type { AnyMessage } from '../../xds/protos.ts';
import { decodeOptions } from './decoding.ts';
import { apiListener, cluster, endpoints, listener, pack, rdsFields, route } from './messages.ts';

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** A field as it stands on the wire: a message or a text. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function number(fieldNumber: number, value: number): Buffer {
  return Buffer.concat([varint(fieldNumber * 8), varint(value)]);
}

function extended(any: AnyMessage, ...fields: readonly Buffer[]): AnyMessage {
  return { ...any, value: Buffer.concat([any.value, ...fields]) };
}

function told(type: ResourceType, { value }: AnyMessage): readonly string[] {
  const result = decodeResource(type, value, decodeOptions);
  if (result.kind === 'invalid') throw new Error(result.errors.join('\n'));
  return result.warnings;
}

test('a field that upstream has and we do not is told by its name, one that nobody knows by its number', (t) => {
  const strange = extended(cluster('c'), field(50, field(1, 'x')), number(999, 1), number(999, 2), field(1234, ''));
  t.deepEqual(told('cluster', strange), [
    'preconnect_policy: is not carried out (field 50)',
    'field 999 of envoy.config.cluster.v3.Cluster is not known, and not carried out',
    'field 1234 of envoy.config.cluster.v3.Cluster is not known, and not carried out',
  ]);
});

test('what has no effect on calls is not told', (t) => {
  const harmless = extended(cluster('c'), number(32, 1), field(20, number(1, 5)));
  t.deepEqual(told('cluster', harmless), []);
  t.deepEqual(told('listener', extended(listener('l', 'r'), field(6, ''), number(8, 1))), []);
});

test('inside messages, lists, maps and packed messages the path leads to it', (t) => {
  const manager = pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 's',
    ...rdsFields('r'),
    http_filters: [
      {
        name: 'router',
        typed_config: extended(pack('envoy.extensions.filters.http.router.v3.Router', {}), field(8, field(1, 'x'))),
      },
    ],
  });
  const strange = extended(manager, field(22, 'me'), field(14, ''));
  const chain = { filters: [{ name: 'hcm', typed_config: strange }] };
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  const message = {
    name: 'l',
    address,
    filter_chains: [chain, { ...chain, filter_chain_match: { destination_port: { value: 1 } } }],
  };
  t.deepEqual(told('listener', pack('envoy.config.listener.v3.Listener', message)).toSorted(), [
    'filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.upstream_http_filters: is not carried out (field 8)',
    'filter_chains[0].filters[0].typed_config.via: is not carried out (field 22)',
    'filter_chains[1].filters[0].typed_config.http_filters[0].typed_config.upstream_http_filters: is not carried out (field 8)',
    'filter_chains[1].filters[0].typed_config.via: is not carried out (field 22)',
  ]);
  const api = extended(apiListener('l', rdsFields('r')), number(10, 1));
  t.deepEqual(told('listener', api), ['transparent: is not carried out (field 10)']);
  const rbac = pack('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', {});
  const config = {
    name: 'r',
    typed_per_filter_config: {
      rbac: extended(
        rbac,
        field(2, extended(pack('envoy.extensions.filters.http.rbac.v3.RBAC', {}), number(99, 1)).value),
      ),
    },
  };
  t.deepEqual(told('route', pack('envoy.config.route.v3.RouteConfiguration', config)), [
    'typed_per_filter_config[rbac].rbac: field 99 of envoy.extensions.filters.http.rbac.v3.RBAC is not known, and not carried out',
  ]);
});

test('a field that means nothing while it is empty is told when it is not', (t) => {
  const context = (params: Buffer) => {
    const name = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
    const tls = extended(pack(name, { sni: 'x' }), field(1, params));
    return cluster('c', { transport_socket: { name: 'tls', typed_config: tls } });
  };
  t.deepEqual(told('cluster', context(field(1, ''))), []);
  t.deepEqual(told('cluster', context(field(1, number(1, 4)))), [
    'transport_socket.typed_config.common_tls_context.tls_params: is not carried out (field 1)',
  ]);
});

test('the policy decides: told, refused, or passed over', (t) => {
  const { value } = extended(route('r', 'c'), number(777, 1));
  const text = 'field 777 of envoy.config.route.v3.RouteConfiguration is not known, and not carried out';
  t.like(decodeResource('route', value, { ...decodeOptions, unsupported: 'warn' }), {
    kind: 'valid',
    warnings: [text],
  });
  t.like(decodeResource('route', value, { ...decodeOptions, unsupported: 'reject' }), {
    kind: 'invalid',
    errors: [text],
  });
  t.like(decodeResource('route', value, { ...decodeOptions, unsupported: 'ignore' }), { kind: 'valid', warnings: [] });
});

test('what the decoders tell of a message as a whole is not told again from inside', (t) => {
  const health = Buffer.concat([field(1, number(1, 1)), field(2, number(1, 1)), number(17, 1), number(999, 1)]);
  const outlier = extended(cluster('c'), field(19, Buffer.concat([number(999, 1)])));
  t.false(told('cluster', outlier).some((text) => text.includes('999')));
  t.false(told('cluster', extended(cluster('c'), field(8, health))).some((text) => text.includes('999')));
});

test('whatever the bytes, the walk ends and says no more than there is', (t) => {
  const names = ['envoy.config.cluster.v3.Cluster', 'envoy.config.listener.v3.Listener', 'google.protobuf.Any'];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      const problems = new Problems('warn');
      reportUnknownFields(decodeOptions.schema!, name, bytes, problems.root());
      return problems.warnings.length <= 21;
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 2000 },
  );
  // Nested without end, and long without content.
  let nested: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 5000; depth++) nested = field(4, nested.subarray(0, 60_000));
  const problems = new Problems('warn');
  reportUnknownFields(decodeOptions.schema!, 'envoy.config.rbac.v3.Permission', nested, problems.root());
  t.pass();
});

test('endpoints by the thousand are looked through without a finding', (t) => {
  const many = endpoints('c', ...Array.from({ length: 5000 }, (_, n) => n + 1));
  t.deepEqual(told('endpoints', many), []);
});
