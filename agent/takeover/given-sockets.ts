// Listening sockets that whoever started the agent has opened for it (systemd's socket units, sd_listen_fds(3), or any
// launcher), by the port at which they listen: ports that need a privilege, and transparent sockets (IP_TRANSPARENT), whose
// connections keep the address that they were meant for. They are kept, and data planes get copies.
import { readFileSync, readlinkSync } from 'node:fs';
import { loadDescriptorPassing } from '../native/descriptor-passing.ts';

/** As sd_listen_fds(3) counts them. */
const FIRST_DESCRIPTOR = 3;
/** In /proc/net/tcp. */
const LISTENING = '0A';

export class GivenSockets {
  readonly #descriptors: ReadonlyMap<number, number>;
  readonly #duplicate: (descriptor: number) => number | null;

  /** @throws Error with one sentence where one of them is no listening socket of this network namespace. */
  constructor(descriptors: readonly number[]) {
    const passing = loadDescriptorPassing();
    if ('reason' in passing) throw new Error(`--inherit-fd can't share sockets: ${passing.reason}`);
    this.#duplicate = passing.duplicate;
    this.#descriptors = new Map(descriptors.map((descriptor) => [listeningPort(descriptor), descriptor]));
  }

  get ports(): number[] {
    return [...this.#descriptors.keys()];
  }

  /** A copy of the socket that listens on that port, which is the caller's; `null`: there is none. */
  take(port: number): number | null {
    const descriptor = this.#descriptors.get(port);
    return descriptor === undefined ? null : this.#duplicate(descriptor);
  }
}

/** Those that systemd has opened for this very process. */
export function systemdDescriptors(env: Readonly<Record<string, string | undefined>>, pid: number): number[] {
  if (env['LISTEN_PID'] !== `${pid}`) return [];
  const count = Number(env['LISTEN_FDS'] ?? 0);
  return Number.isInteger(count) && count > 0 ? Array.from({ length: count }, (_, i) => FIRST_DESCRIPTOR + i) : [];
}

function listeningPort(descriptor: number): number {
  const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(descriptor)) ?? [];
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/self/net/${table}`, 'utf8').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , owner] = line.trim().split(/\s+/);
      if (inode !== undefined && owner === inode && state === LISTENING)
        return Number.parseInt(local.split(':')[1]!, 16);
    }
  }
  throw new Error(`file descriptor ${descriptor} is not a TCP socket that listens in this network namespace`);
}

function linkOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}
