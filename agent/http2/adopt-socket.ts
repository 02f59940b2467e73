// Reading accepted connections into memory of ours. Node has the `onread` option for sockets that connect, none for those
// that a server accepts; but a socket can be made around a handle that another socket has (docs/decisions/0006). Where
// Node's inside is not as expected, nothing is changed, and the socket is read as usual.
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A socket's inside: not documented, and so not relied upon. */
interface Inside {
  _handle?: Handle | null;
}

type Handle = NonNullable<SocketConstructorOpts['handle']> & { readonly useUserBuffer?: unknown };

/**
 * Moves the connection of `accepted` to a new socket with that `onread`, and destroys the old one without closing the
 * connection. Answers `null`, and changes nothing, where that can't be done: with TLS, or once something was read.
 */
export function adoptSocket(accepted: Socket, onread: OnReadOpts): Socket | null {
  if (accepted instanceof TLSSocket || accepted.destroyed || accepted.bytesRead > 0) return null;
  const inside: Inside & Socket = accepted;
  const handle = inside._handle;
  if (typeof handle?.useUserBuffer !== 'function') return null;
  const socket: Inside & Socket = new Socket({ handle, onread });
  if (socket._handle !== handle) return null;
  inside._handle = null;
  // Its server counts it as closed from here on.
  accepted.destroy();
  return socket;
}
