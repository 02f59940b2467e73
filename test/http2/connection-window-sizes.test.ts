// The arithmetic of windows (http2.md section 6): whatever the sizes of stream and connection windows on either leg, a
// stalled stream never stops its neighbours, and every byte that can go on does.
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { accept, connect, type Http2Limits, type Stream } from '../../agent/http2/index.ts';
import { data, flag, H2Peer, headers, request, settings, settingsAck, windowUpdate } from '../support/h2-peer.ts';
import { ConnectionLog, environment, serve } from './connection-fixture.ts';
import { Coupling } from './coupling.ts';

const { endStream } = flag;
const FRAME = 16_384;

/** A switch with these limits between a raw client, whose streams may be sent nothing at first, and a raw endpoint. */
async function between(t: ExecutionContext, limits: Partial<Http2Limits>) {
  const endpoint = await H2Peer.listen();
  const env = environment('client', limits);
  const log = new ConnectionLog();
  const upstream = connect({ host: '127.0.0.1', port: endpoint.port }, null, env, log, { connectTimeoutMs: 5000 });
  const server = await endpoint.next();
  server.send(settings(), settingsAck());
  await log.connected;
  await server.roundTrip();
  const handler = { onStream: (s: Stream) => new Coupling(s, upstream), onRoom() {}, onGoAway() {}, onClosed() {} };
  const listener = createServer((socket) => accept(socket, env, handler));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = await H2Peer.ready(address.port, [4, 0]);
  client.send(windowUpdate(0, 2 ** 20));
  t.teardown(() => {
    for (const peer of [client, server]) peer.socket.destroy();
    listener.close();
    endpoint.close();
  });
  return { client, server };
}

/** Sends as an endpoint that keeps to its windows, and waits for them. */
class Sender {
  readonly #peer: H2Peer;
  readonly #streamWindow: number;
  #sent = 0;

  constructor(peer: H2Peer, streamWindow: number) {
    this.#peer = peer;
    this.#streamWindow = streamWindow;
  }

  /** Fills a stream's window to the last byte. */
  async fill(id: number): Promise<void> {
    for (let left = this.#streamWindow; left > 0; ) left -= await this.send(id, Math.min(left, FRAME));
  }

  /** Sends so many bytes, or what the connection's window has left, at least one. */
  async send(id: number, bytes: number): Promise<number> {
    while (this.#room < 1) await this.#peer.expect('WINDOW_UPDATE', 0);
    const now = Math.min(bytes, this.#room);
    this.#peer.send(data(id, Buffer.alloc(now)));
    this.#sent += now;
    return now;
  }

  get #room(): number {
    const updates = this.#peer.received.filter(({ type, streamId }) => type === 'WINDOW_UPDATE' && streamId === 0);
    return 65_535 + updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0) - this.#sent;
  }
}

for (const streamWindowBytes of [1, 1000, 16_384, 65_535, 262_144]) {
  for (const connectionWindowBytes of [65_535, 65_536, 100_000, 1_048_576]) {
    test(`(109) stream windows of ${streamWindowBytes} under a connection window of ${connectionWindowBytes}: three stalled streams stop no fourth (section 6, window arithmetic)`, async (t) => {
      const { client, server } = await between(t, { streamWindowBytes, connectionWindowBytes });
      const head = [[':status', '200']] as const;
      const sender = new Sender(server, streamWindowBytes);
      for (const id of [1, 3, 5]) {
        client.send(headers(id, request(), endStream));
        await server.expect('HEADERS', id);
        server.send(headers(id, head));
        await sender.fill(id);
      }
      client.send(headers(7, request(), endStream), windowUpdate(7, 100_000));
      await server.expect('HEADERS', 7);
      server.send(headers(7, head));
      // More than the stream's window, so that its credit has to come back as well.
      const wanted = Math.min(3 * streamWindowBytes, 60_000);
      let given = streamWindowBytes;
      for (let sent = 0; sent < wanted; ) {
        if (sent === given) given += (await server.expect('WINDOW_UPDATE', 7)).payload.readUInt32BE();
        sent += await sender.send(7, Math.min(wanted - sent, given - sent, FRAME));
      }
      server.send(data(7, '', endStream));
      await client.expect('DATA', 7, (last) => last.endStream);
      t.is(client.body(7).length, wanted);
      t.is(client.count('DATA', 1) + client.count('DATA', 3) + client.count('DATA', 5), 0);
      // And what is stalled goes on when it may.
      client.send(windowUpdate(1, streamWindowBytes));
      while (client.body(1).length < streamWindowBytes) await client.expect('DATA', 1);
      t.is(client.count('GOAWAY') + server.count('GOAWAY'), 0);
    });
  }
}

test('(111) a change of the initial window costs the same with 4,000 open streams as with one', async (t) => {
  const cost = async (streams: number): Promise<number> => {
    const { port, log } = await serve(t, { maxConcurrentStreams: streams });
    const peer = await H2Peer.ready(port);
    peer.send(...Array.from({ length: streams }, (_, i) => headers(2 * i + 1, request())));
    await log.stream(streams - 1);
    const changes = Buffer.concat(Array.from({ length: 9000 }, (_, i) => settings([4, 65_535 - (i % 2) * 60_000])));
    const begun = process.cpuUsage();
    peer.send(changes);
    await peer.roundTrip();
    const { user, system } = process.cpuUsage(begun);
    t.is(peer.count('GOAWAY'), 0);
    peer.socket.destroy();
    return user + system;
  };
  await cost(1);
  const one = await cost(1);
  const many = await cost(4000);
  t.true(many < 2 * one + 50_000, `${one} and ${many} microseconds`);
});
