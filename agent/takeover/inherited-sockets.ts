// Listening sockets on their way from one agent to the next, by what they are for.
import { closeSync } from 'node:fs';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';

export interface PassedSocket {
  /** As `socketName` and `listenerSocketName` make it; several sockets may have the same one. */
  readonly name: string;
  readonly descriptor: number;
}

export class InheritedSockets {
  readonly #byName = new Map<string, number[]>();

  constructor(sockets: readonly PassedSocket[]) {
    for (const { name, descriptor } of sockets) {
      const known = this.#byName.get(name);
      if (known === undefined) this.#byName.set(name, [descriptor]);
      else known.push(descriptor);
    }
  }

  /** Those of that name, which are the caller's from here on. */
  take(name: string): readonly number[] {
    const descriptors = this.#byName.get(name) ?? [];
    this.#byName.delete(name);
    return descriptors;
  }

  /** Those of which one is enough. */
  takeOne(name: string): number | null {
    const [first, ...rest] = this.take(name);
    for (const descriptor of rest) closeSync(descriptor);
    return first ?? null;
  }

  /** Whatever nobody has taken. */
  close(): void {
    for (const descriptors of this.#byName.values()) for (const descriptor of descriptors) closeSync(descriptor);
    this.#byName.clear();
  }
}

/** Of a port of the agent's own. */
export function socketName(purpose: 'admin' | 'status', host: string, port: number): string {
  return `${purpose} ${formatAddress({ host, port })}`;
}

/** Of a listener. Its name matters only where its configuration leaves the port to the kernel. */
export function listenerSocketName(name: string, address: SocketAddress): string {
  return address.port === 0 ? `listener ${formatAddress(address)} ${name}` : `listener ${formatAddress(address)}`;
}
