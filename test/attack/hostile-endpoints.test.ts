// The classes A to F of http2.md section 1.2 from the other side: an endpoint that repeats something on one connection.
// Each ends as documented, is counted and told with its peer, and costs no call to another endpoint.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import test from 'ava';
import { Attacker } from './attacker.ts';
import { endpointFloods } from './endpoint-floods.ts';
import { endpointOpening, prepareFlood } from './flood.ts';
import { hostileMesh, hostilePath } from './hostile-mesh.ts';
import { startAttackedEndpoint, startTargetWith } from './target.ts';

for (const flood of endpointFloods) {
  test(`(${flood.id}) from an endpoint: ${flood.title}`, async (t) => {
    const prepared = prepareFlood(flood, Buffer.alloc(0));
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const hostilePort = (server.address() as AddressInfo).port;
    const endpoint = await startAttackedEndpoint();
    const target = await startTargetWith(t, hostileMesh(endpoint.port, hostilePort), async () => {
      server.close();
      await endpoint.stop();
    });
    t.is(await target.innocentCall(), '0');
    const connected = once(server, 'connection');
    // What becomes of the call itself is the flood's doing.
    void target.innocentCall(hostilePath).catch(() => {});
    const [socket] = (await connected) as [Socket];
    const attacker = Attacker.accept(socket);
    t.teardown(() => socket.destroy());
    await attacker.send(endpointOpening);
    await attacker.called;
    await attacker.play(prepared);
    const isAlive = await attacker.isAnswered();
    const { end, limit } = flood;
    if (end === 'alive' || 'reset' in end) {
      t.true(isAlive, `GOAWAY ${attacker.goAway}`);
      if (end !== 'alive') t.deepEqual([...attacker.resets.keys()], [end.reset]);
    } else {
      await attacker.closed;
      t.is(attacker.goAway, end.goAway);
    }
    t.is(await target.innocentCall(), '0', 'calls to another endpoint are still served');
    if (limit !== undefined) {
      t.true(target.hits(limit) > 0, `${limit} was counted`);
      const line = target.plane.ups.find((up) => up.kind === 'log' && up.fields['limit'] === limit);
      t.is(
        line?.kind === 'log' ? line.fields['peer'] : undefined,
        `127.0.0.1:${hostilePort}`,
        'the log names the peer',
      );
    }
    t.deepEqual(target.errors(), []);
  });
}
