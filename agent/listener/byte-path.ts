// Where the bytes of a connection go that is passed on as it is.
import { connect, type Socket } from 'node:net';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';

export interface BytePath {
  /** For people. */
  readonly name: string;
  /**
   * Connects. One of the two is called, once and never from inside, unless the answer is called before, which gives up.
   * The socket is open at both halves, and nothing has been read from it.
   */
  open(onOpen: (socket: Socket) => void, onFailed: (cause: string) => void): () => void;
}

/**
 * To that very address.
 * @param fallback asked where nothing listens there: an application that listens on localhost only.
 */
export function directPath(destination: SocketAddress, fallback: SocketAddress | null): BytePath {
  return {
    name: formatAddress(destination),
    open: (onOpen, onFailed) => {
      let current: Socket;
      const dial = (address: SocketAddress): void => {
        const socket = connect({ ...address, noDelay: true, allowHalfOpen: true });
        current = socket;
        const failed = (error: NodeJS.ErrnoException): void => {
          if (error.code === 'ECONNREFUSED' && fallback !== null && address !== fallback) dial(fallback);
          else onFailed(error.code ?? error.message);
        };
        socket.once('error', failed);
        socket.once('connect', () => {
          socket.off('error', failed);
          onOpen(socket);
        });
      };
      dial(destination);
      return () => {
        current.removeAllListeners();
        current.on('error', () => {});
        current.destroy();
      };
    },
  };
}
