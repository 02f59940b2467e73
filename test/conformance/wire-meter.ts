// A TCP relay in front of an endpoint that counts what passes: a client can't tell whether its messages were smaller on
// the wire, nor how many connections an agent took for its calls.
import { once } from 'node:events';
import net from 'node:net';
import type { EchoCase } from './interop-cases.ts';

/** Bytes of each message of the cases of compression, which shrink to less than a tenth. */
export const COMPRESSIBLE_BYTES = 100_000;

export class WireMeter {
  /** Where agents find the endpoint. */
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets: Set<net.Socket>;
  readonly #count: Count;

  private constructor(server: net.Server, sockets: Set<net.Socket>, count: Count) {
    this.port = (server.address() as net.AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
    this.#count = count;
  }

  static async start(endpoint: number): Promise<WireMeter> {
    const sockets = new Set<net.Socket>();
    const count: Count = { toEndpoint: 0, fromEndpoint: 0, connections: 0 };
    const server = net.createServer((agent) => {
      const upstream = net.connect(endpoint, '127.0.0.1');
      count.connections++;
      agent.on('data', (bytes) => {
        count.toEndpoint += bytes.length;
      });
      upstream.on('data', (bytes) => {
        count.fromEndpoint += bytes.length;
      });
      for (const [one, other] of [[agent, upstream] as const, [upstream, agent] as const]) {
        sockets.add(one);
        one.setNoDelay(true).pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => sockets.delete(one));
      }
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new WireMeter(server, sockets, count);
  }

  /** Runs a case, and throws where the bytes or connections that it took are not what its name promises. */
  async watch(name: EchoCase, run: () => Promise<unknown>): Promise<void> {
    const { toEndpoint: up, fromEndpoint: down } = this.#count;
    await run();
    const [sent, received] = [this.#count.toEndpoint - up, this.#count.fromEndpoint - down];
    if (name.startsWith('client_compressed') && sent > COMPRESSIBLE_BYTES / 2) {
      throw new Error(`${sent} bytes reached the endpoint: the requests were not compressed`);
    }
    if (name.startsWith('server_compressed')) {
      if (sent < COMPRESSIBLE_BYTES)
        throw new Error(`${sent} bytes reached the endpoint: the requests were compressed`);
      if (received > COMPRESSIBLE_BYTES / 2) throw new Error(`${received} bytes came back: no reply was compressed`);
    }
    if (name === 'max_concurrent_streams_connection_scaling' && this.#count.connections < 3) {
      throw new Error(`${this.#count.connections} connections carried three times what one takes`);
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

interface Count {
  toEndpoint: number;
  fromEndpoint: number;
  connections: number;
}
