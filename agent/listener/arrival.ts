// A connection between its accepting and whoever serves it: counted from the first moment to the last.
import type { Socket } from 'node:net';
import { plainAddress } from '../grpc/address-range.ts';
import type { ConnectionFacts } from './filter-chain-index.ts';

/** The addresses of both ends. */
export type ConnectionEnds = Omit<ConnectionFacts, 'hello'>;

export class Arrival {
  readonly socket: Socket;
  readonly ends: ConnectionEnds;
  readonly #onGone: (() => void)[] = [];
  #state: 'arriving' | 'taken' | 'gone' = 'arriving';

  constructor(socket: Socket, ends: ConnectionEnds) {
    this.socket = socket;
    this.ends = ends;
    socket.once('close', () => {
      if (this.#state === 'arriving') this.gone();
    });
  }

  /** To be told once, when nobody has the connection any more; not for one that is gone. */
  whenGone(told: () => void): void {
    this.#onGone.push(told);
  }

  get isArriving(): boolean {
    return this.#state === 'arriving';
  }

  /** Whether it is still there; from here on its taker says when it is gone, whatever becomes of the socket. */
  take(): boolean {
    if (this.#state !== 'arriving') return false;
    this.#state = 'taken';
    return true;
  }

  gone(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    for (const told of this.#onGone) told();
  }
}

export function endsOf({
  localAddress = '',
  localPort = 0,
  remoteAddress = '',
  remotePort = 0,
}: Socket): ConnectionEnds {
  return {
    localHost: plainAddress(localAddress),
    localPort,
    remoteHost: plainAddress(remoteAddress),
    remotePort,
  };
}
