// What a data plane survives: nothing that it is told or asked, and no endpoint that it is given, ends it.
import test from 'ava';
import { startDataPlane } from './support/data-plane.ts';
import { flag, H2Peer, headers, request } from './support/h2-peer.ts';
import { field } from './support/raw-mesh.ts';
import { endpoints, plainMesh } from './support/resources.ts';

test('a question about a call that can not be is answered with why not', async (t) => {
  const { plane, up, stop } = startDataPlane(plainMesh('echo', 'outbound', [1]));
  t.teardown(stop);
  const call = [
    [':path', '/echo.Echo/Call'],
    ['no name', 'x'],
  ] as const;
  plane.receive({ kind: 'explain', id: 1, listener: 'echo', headers: call });
  const { explanation } = await up('explained');
  t.deepEqual(explanation, {
    lines: ["no client can make that call: field name 'no\\x20name' has a byte that no name may have"],
  });
});

test('an endpoint that can not even be dialled fails its calls by that reason, and is tried again later', async (t) => {
  const mesh = startDataPlane(plainMesh('echo', 'outbound', [1]));
  t.teardown(mesh.stop);
  mesh.apply([{ type: 'endpoints', value: endpoints('echo', [70_000]) }]);
  const client = await H2Peer.ready(await mesh.port('echo'));
  t.teardown(() => client.socket.destroy());
  for (const id of [1, 3]) {
    client.send(headers(id, request(), flag.endStream));
    const { fields } = await client.expect('HEADERS', id);
    t.is(field(fields, 'grpc-status'), '14');
    t.regex(
      String(field(fields, 'grpc-message')),
      /echo: 1 of 1 endpoints can't be connected to \(127\.0\.0\.1:70000: .*Port should be/,
    );
  }
  t.deepEqual(
    mesh.ups.filter((up) => up.kind === 'log'),
    [],
  );
});
