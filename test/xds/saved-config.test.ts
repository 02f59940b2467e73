// The file that keeps the last good configuration: what goes in comes out, private keys never go in, and whatever is
// wrong with the file is one sentence.
import test from 'ava';
import fc from 'fast-check';
import { loadProtos } from '../../xds/protos.ts';
import { type ConfigOwner, decodeConfig, encodeConfig, type SavedResource } from '../../xds/saved-config.ts';
import { cluster, pack } from './messages.ts';

const protos = loadProtos();
const owner: ConfigOwner = { node: 'node-1', cluster: 'shop', server: 'xds:18000' };
const types = ['secret', 'cluster', 'endpoints', 'listener', 'route'] as const;

function problemOf(bytes: Buffer, asked = owner): string {
  const decoded = decodeConfig(protos, asked, bytes);
  return 'problem' in decoded ? decoded.problem : 'none';
}

function clusters(...names: string[]): SavedResource[] {
  return names.map((name) => ({ type: 'cluster', name, version: `of ${name}`, bytes: cluster(name).value }));
}

test('what was kept comes back, whatever the names, versions and bytes', (t) => {
  const resource = fc.record({
    type: fc.constantFrom(...types),
    name: fc.string({ unit: 'grapheme' }),
    version: fc.string(),
    bytes: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 20 }), fc.nat(), (resources, savedAt) => {
      const { bytes } = encodeConfig(protos, owner, { savedAt, resources });
      const decoded = decodeConfig(protos, owner, bytes);
      if ('problem' in decoded) return t.fail(decoded.problem);
      t.is(decoded.savedAt, savedAt);
      const inOrder = types.flatMap((type) => resources.filter((entry) => entry.type === type));
      t.deepEqual(
        decoded.resources.map(({ bytes: content, ...rest }) => ({ ...rest, bytes: Uint8Array.from(content) })),
        inOrder,
      );
    }),
    { numRuns: 100 },
  );
});

test('a resource that holds a private key is left out, however deep the key', (t) => {
  const key = '-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n';
  const socket = pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    common_tls_context: { tls_certificates: [{ private_key: { inline_bytes: Buffer.from(key) } }] },
  });
  const secret = cluster('secret', { transport_socket: { name: 'tls', typed_config: socket } });
  const resources = [...clusters('a', 'b'), { ...clusters('secret')[0]!, bytes: secret.value }];
  const { bytes, leftOut } = encodeConfig(protos, owner, { savedAt: 1, resources });
  t.is(leftOut, 1);
  t.false(bytes.includes('MHc'));
  const decoded = decodeConfig(protos, owner, bytes);
  t.deepEqual('problem' in decoded ? decoded : decoded.resources.map(({ name }) => name), ['a', 'b']);
  t.like(decoded, { leftOut: 1 }, 'who starts from it knows that it is not whole');
});

test('a file with any byte changed, or cut anywhere, is refused', (t) => {
  const { bytes } = encodeConfig(protos, owner, { savedAt: 1, resources: clusters('a') });
  for (let index = 0; index < bytes.length; index++) {
    const changed = Buffer.from(bytes);
    changed[index] = bytes[index]! ^ 0x01;
    t.not(problemOf(changed), 'none', `byte ${index}`);
    t.not(problemOf(bytes.subarray(0, index)), 'none', `cut at ${index}`);
  }
  t.is(problemOf(bytes), 'none');
});

test('what is wrong with the file is said', (t) => {
  const { bytes } = encodeConfig(protos, owner, { savedAt: 1, resources: clusters('a') });
  t.is(problemOf(Buffer.from('{"clusters": []}\n')), 'it is not a file of ours');
  t.is(problemOf(Buffer.alloc(0)), 'it is not a file of ours');
  t.is(
    problemOf(Buffer.from(bytes.toString('latin1').replace('outrigger-xds 1', 'outrigger-xds 2'), 'latin1')),
    'it is of format 2, and this is format 1',
  );
  t.is(problemOf(bytes.subarray(0, -1)), 'it is damaged: its checksum is not that of its content');
  t.is(
    problemOf(bytes, { ...owner, node: 'node-2' }),
    'it is of another node: "node-1", and this is "node-2"',
    'a configuration of someone else is none of ours',
  );
  t.is(
    problemOf(bytes, { ...owner, server: 'staging:18000' }),
    'it is of another server: "xds:18000", and this is "staging:18000"',
  );
});
