// Bytes of a hostile peer, whatever they mean: sent at a listener, or as what an endpoint answers. Both wait until the
// agent is done with them.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { preface } from '../support/h2-peer.ts';
import { Attacker } from './attacker.ts';
import { endpointOpening } from './flood.ts';

/** Sends the pieces, each in a turn of its own, then closes its side; resolves when the agent has closed the other. */
export async function playAtListener(port: number, pieces: readonly Uint8Array[]): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => void socket.once('close', resolve));
  await send(socket, pieces);
  await closed;
}

/** An endpoint that answers the first call on each connection with the pieces given, then closes its side. */
export class PlayingEndpoint {
  pieces: readonly Uint8Array[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => void this.#play(socket));
  }

  static async listen(): Promise<PlayingEndpoint> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PlayingEndpoint(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #play(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const attacker = Attacker.accept(socket);
    // The agent sends no call before it has our SETTINGS.
    await attacker.send(endpointOpening);
    await attacker.called;
    await send(socket, this.pieces);
  }
}

async function send(socket: Socket, pieces: readonly Uint8Array[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
}

/** Without the connection preface, where it begins with that. */
export function withoutPreface(bytes: Buffer): Buffer {
  return bytes.subarray(0, preface.length).equals(preface) ? bytes.subarray(preface.length) : bytes;
}
