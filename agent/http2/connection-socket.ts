// Sockets under connections: opening them, taking over accepted ones, and their TLS. Every socket has its listeners for
// errors from its first moment on, since one without ends the process.
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { formatAddress, isSocketFile, type SocketAddress } from '../../xds/model/address.ts';
import { adoptSocket } from './adopt-socket.ts';
import { Http2Connection } from './connection.ts';
import type {
  Connection,
  ConnectionEnvironment,
  ConnectionHandler,
  ConnectionIdentity,
} from './connection-contract.ts';
import { noIdentity } from './connection-identity.ts';
import type { ClientTls } from './connection-tls.ts';
import { identityOfCertificate } from './peer-certificate.ts';
import { type ReadBuffer, SocketReadBuffer } from './read-buffer.ts';

/**
 * Where to connect to: an IP address or a name, and a port; or the path of a socket file, whose port is 0; or a server in
 * this process.
 */
export type ConnectTarget =
  | { readonly host: string; readonly port: number }
  /** `open` makes the connection, whose other end has its server already; never in TLS. */
  | { readonly open: () => Duplex };

export interface ConnectOptions {
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number;
}

/**
 * Opens a connection as its client. It answers at once; `onConnected` or `onClosed` follow.
 * @param tls `null`: clear text with prior knowledge (RFC 9113 section 3.3).
 */
export function connect(
  target: ConnectTarget,
  tls: ClientTls | null,
  environment: ConnectionEnvironment,
  handler: ConnectionHandler,
  options: ConnectOptions,
): Connection {
  if ('open' in target) return connectInProcess(target.open(), environment, handler, options);
  const { host, port } = target;
  const where = isSocketFile(target) ? { path: host } : { host, port };
  const peer = formatAddress(target);
  if (tls === null) {
    const memory = new SocketReadBuffer(environment.flusher.readBuffers);
    const onread = readInto(memory, (buf, bytes, source) => connection.onChunk(buf, bytes, source));
    const socket = connectTcp({ ...where, noDelay: true, onread });
    socket.setKeepAlive(true, environment.limits.tcpKeepaliveMs);
    const connection = new Http2Connection('client', socket, peer, environment, handler);
    connection.onConnecting(options.connectTimeoutMs);
    watch(socket, connection);
    socket.once('close', () => memory.free());
    socket.once('connect', () => connection.onSocketReady(peer, identityOf(socket)));
    return connection;
  }
  const socket = connectTls({ ...tls.options, ...where });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, environment.limits.tcpKeepaliveMs);
  const connection = new Http2Connection('client', socket, peer, environment, handler);
  connection.onConnecting(options.connectTimeoutMs);
  watch(socket, connection);
  socket.once('secureConnect', () => {
    if (socket.alpnProtocol === 'h2') connection.onSocketReady(peer, identityOf(socket));
    else connection.onSocketLost('the server does not speak HTTP/2 over TLS (ALPN h2)');
  });
  // A record is at most 16 KiB, and was copied once already: a buffer to read into would gain little.
  socket.on('data', (chunk: Buffer) => connection.onChunk(chunk, chunk.length, null));
  return connection;
}

function connectInProcess(
  duplex: Duplex,
  environment: ConnectionEnvironment,
  handler: ConnectionHandler,
  options: ConnectOptions,
): Connection {
  const connection = new Http2Connection('client', duplex, inProcess, environment, handler);
  connection.onConnecting(options.connectTimeoutMs);
  watch(duplex, connection);
  // As with a socket, the handler hears nothing before it has its connection; and the preface goes before all else.
  setImmediate(() => {
    if (duplex.destroyed) return;
    connection.onSocketReady(inProcess, { ...noIdentity, localAddress: inProcess });
    duplex.on('data', (chunk: Buffer) => connection.onChunk(chunk, chunk.length, null));
  });
  return connection;
}

/**
 * Takes over a socket that was accepted (and its TLS handshake made) as its server. One in clear text from which nothing
 * has been read is given up for another one with the same connection, that reads into memory of ours.
 * @param destination where the client meant to connect to, when the kernel brought it here instead.
 */
export function accept(
  accepted: Socket,
  environment: ConnectionEnvironment,
  handler: ConnectionHandler,
  destination: SocketAddress | null = null,
): Connection {
  const memory = new SocketReadBuffer(environment.flusher.readBuffers);
  const onread = readInto(memory, (buf, bytes, source) => connection.onChunk(buf, bytes, source));
  const adopted = adoptSocket(accepted, onread);
  const socket = adopted ?? accepted;
  const peer = peerOf(socket);
  const connection = new Http2Connection('server', socket, peer, environment, handler);
  watch(socket, connection);
  socket.allowHalfOpen = environment.limits.halfClosedGraceMs > 0;
  // Its 'close' may have come before our listener.
  if (socket.destroyed) setImmediate(() => connection.onSocketClose());
  socket.setNoDelay(true);
  socket.setKeepAlive(true, environment.limits.tcpKeepaliveMs);
  connection.onSocketReady(peer, meantFor(identityOf(socket), destination));
  if (adopted === null) {
    memory.free();
    socket.on('data', (chunk: Buffer) => connection.onChunk(chunk, chunk.length, null));
  } else {
    socket.once('close', () => memory.free());
  }
  return connection;
}

/**
 * Serves the other end of `duplex`, which stands for the client at the other end of `outer`: it has that one's address
 * and certificate.
 */
export function acceptInProcess(
  duplex: Duplex,
  outer: Socket,
  environment: ConnectionEnvironment,
  handler: ConnectionHandler,
): Connection {
  const peer = peerOf(outer);
  const connection = new Http2Connection('server', duplex, peer, environment, handler);
  watch(duplex, connection);
  connection.onSocketReady(peer, identityOf(outer));
  duplex.on('data', (chunk: Buffer) => connection.onChunk(chunk, chunk.length, null));
  return connection;
}

function readInto(
  memory: SocketReadBuffer,
  onChunk: (buf: Buffer, bytes: number, source: ReadBuffer) => void,
): OnReadOpts {
  let lastBytes = 0;
  return {
    // Called once before the first read, then behind each callback.
    buffer: () => memory.next(lastBytes),
    callback: (bytes) => {
      lastBytes = bytes;
      onChunk(memory.current.buffer, bytes, memory.current);
      return true;
    },
  };
}

function watch(socket: Duplex, connection: Http2Connection): void {
  socket.on('error', (error: NodeJS.ErrnoException) => connection.onSocketLost(reasonOf(error)));
  socket.on('end', () => connection.onSocketEnd());
  socket.on('close', () => connection.onSocketClose());
}

function meantFor(identity: ConnectionIdentity, destination: SocketAddress | null): ConnectionIdentity {
  return destination === null ? identity : { ...identity, localAddress: formatAddress(destination), destination };
}

const inProcess = 'in-process';

function peerOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  return formatAddress({ host: remoteAddress ?? 'unknown', port: remotePort ?? 0 });
}

function identityOf(socket: Socket): ConnectionIdentity {
  const { localAddress: host = 'unknown', localPort: port = 0 } = socket;
  const localAddress = formatAddress({ host, port });
  if (!(socket instanceof TLSSocket)) return { ...noIdentity, localAddress };
  const alpn = socket.alpnProtocol || null;
  const serverName = socket.servername || '';
  const certificate = socket.getPeerX509Certificate();
  // What was not verified identifies nobody.
  if (certificate === undefined || !socket.authorized) return { ...noIdentity, localAddress, alpn, serverName };
  return { ...noIdentity, localAddress, alpn, serverName, ...identityOfCertificate(certificate) };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ECONNRESET':
      return 'connection reset by the peer';
    case 'EPIPE':
      return 'the peer closed the connection';
    case 'ETIMEDOUT':
      return 'connection timed out';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no way to that address';
    case 'ENOTFOUND':
      return 'that name has no address';
    default:
      return error.message;
  }
}
