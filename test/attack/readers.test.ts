// Readers of responses: those that read all of it cost no more than they bring, and those that read nothing are cut.
import test from 'ava';
import { serve } from '../http2/connection-fixture.ts';
import { flag, H2Peer, headers, request, settings, windowUpdate } from '../support/h2-peer.ts';
import { Attacker } from './attacker.ts';
import { BULK, opening } from './flood.ts';
import { startAttackedEndpoint, startTargetBefore } from './target.ts';

test('a reader that updates both windows for each frame downloads as much as it likes', async (t) => {
  const { port, environment, log } = await serve(t, { controlFrameBurst: 200, controlFramesPerSecond: 0 });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, request(), flag.endStream));
  const stream = await log.stream(0);
  await stream.until(() => stream.ended);
  const head = environment.shapes.block([[':status', '200']]);
  const body = Buffer.alloc(4 * 1024 * 1024);
  stream.stream!.sendHeaders(head, false);
  stream.stream!.sendData(body, 0, body.length, true);
  for (let read = 0; read < body.length; ) {
    const { payload } = await peer.expect('DATA', 1);
    read += payload.length;
    peer.send(windowUpdate(0, payload.length), windowUpdate(1, payload.length));
  }
  t.is(peer.body(1).length, body.length);
  t.is(peer.count('GOAWAY'), 0);
});

test('(D5) of a thousand answers of 64 KiB behind a window of 0 at most 4 MiB are kept, and others are served (section 6, stalled readers)', async (t) => {
  // Each endpoint of node:http2 holds about 10 MiB of answers back, then refuses streams.
  const endpoints = await Promise.all(Array.from({ length: 10 }, () => startAttackedEndpoint()));
  const ports = endpoints.map((endpoint) => endpoint.port);
  const target = await startTargetBefore(t, ports, () => Promise.all(endpoints.map((endpoint) => endpoint.stop())));
  t.is(await target.innocentCall(), '0');
  const attacker = await Attacker.connect(target.port);
  t.teardown(() => attacker.socket.destroy());
  const calls = Array.from({ length: 1000 }, (_, i) => headers(2 * i + 1, request(BULK), flag.endStream));
  await attacker.send(Buffer.concat([opening, settings([4, 0]), ...calls]));
  const line = await target.plane.up('log', ({ fields }) => fields['limit'] === 'maxUnreadBytes');
  t.is(line.fields['peer'], `127.0.0.1:${attacker.socket.localPort}`);
  t.is(await target.innocentCall(), '0');
  t.true(await attacker.isAnswered());
  t.true((attacker.resets.get(11) ?? 0) > 0, 'streams were reset with ENHANCE_YOUR_CALM');
  t.true(target.hits('maxUnreadBytes') > 0);
  t.deepEqual(target.errors(), []);
});
