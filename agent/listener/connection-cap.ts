// How many connections one listener has, of all clients and of each: who hoards them is refused before they cost more
// than their accepting.

export interface ListenerLimits {
  /** Open connections, TLS handshakes included. Default 10,000, as Envoy's guide for edges has it. */
  readonly maxConnections: number;
  /** Of one address. Default 2,500: it takes four to fill a listener, and one gateway or NAT may stand for many clients. */
  readonly maxConnectionsPerAddress: number;
}

export const defaultListenerLimits: ListenerLimits = { maxConnections: 10_000, maxConnectionsPerAddress: 2500 };

export class ConnectionCap {
  readonly #limits: ListenerLimits;
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  constructor(limits: ListenerLimits) {
    this.#limits = limits;
  }

  /** One more from that address, which `give` takes back; or the limit that forbids it. */
  take(address: string): keyof ListenerLimits | null {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (ofAddress >= this.#limits.maxConnectionsPerAddress) return 'maxConnectionsPerAddress';
    if (this.#open >= this.#limits.maxConnections) return 'maxConnections';
    this.#open++;
    this.#byAddress.set(address, ofAddress + 1);
    return null;
  }

  give(address: string): void {
    this.#open--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}
