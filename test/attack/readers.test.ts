// Readers of responses: those that read all of it cost no more than they bring.
import test from 'ava';
import { serve } from '../http2/connection-fixture.ts';
import { flag, H2Peer, headers, request, windowUpdate } from '../support/h2-peer.ts';

test('a reader that updates both windows for each frame downloads as much as it likes', async (t) => {
  const { port, environment, log } = await serve(t, { controlFrameBurst: 200, controlFramesPerSecond: 0 });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, request(), flag.endStream));
  const stream = await log.stream(0);
  await stream.until(() => stream.ended);
  const head = environment.shapes.block([[':status', '200']]);
  const body = Buffer.alloc(8 * 1024 * 1024);
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
