// Deadlines of a program that was held up: stopped, swapped out, starved.
import test from 'ava';
import { flag, H2Peer, headers, ping, request } from '../support/h2-peer.ts';
import { serve } from './connection-fixture.ts';

/** Nothing else runs meanwhile; Node's timers of that time are due behind it. */
function occupy(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test('what a peer sent in time is read before it is judged, however late the program looks', async (t) => {
  let clock = 0;
  const { port, log } = await serve(t, { headerBlockTimeoutMs: 20 }, { now: () => clock });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  const frame = ping('12345678');
  peer.send(headers(1, request(), flag.endStream), frame.subarray(0, 12));
  await log.stream(0);
  // The rest is in the kernel, and a minute passes before anybody looks.
  peer.send(frame.subarray(12));
  clock = 60_000;
  occupy(40);
  t.true((await peer.expect('PING')).isAck);
  t.is(peer.count('GOAWAY'), 0);
});

test('and who sent nothing meanwhile is judged at the second look', async (t) => {
  let clock = 0;
  const { port, log } = await serve(t, { headerBlockTimeoutMs: 20 }, { now: () => clock });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, request(), flag.endStream), ping('12345678').subarray(0, 12));
  await log.stream(0);
  clock = 60_000;
  occupy(40);
  t.is((await peer.expect('GOAWAY')).code, 1);
});
