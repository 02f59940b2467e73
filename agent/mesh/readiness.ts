// Waiting until the parts of a local mesh can be used: a program when its port accepts, an agent when it says so.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';

const pauseMs = 50;
const answerMs = 1_000;

/** Resolves once something accepts connections there; rejects when `signal` aborts. */
export async function untilAccepting(address: SocketAddress, signal: AbortSignal): Promise<void> {
  while (!(await accepts(address))) await wait(pauseMs, undefined, { signal });
}

/** Resolves once the agent with this admin address answers /ready with 200; rejects when `signal` aborts. */
export async function untilReady(admin: SocketAddress, signal: AbortSignal): Promise<void> {
  while (!(await isReady(admin, signal))) await wait(pauseMs, undefined, { signal });
}

/** Whether something accepts connections there now. */
export function accepts({ host, port }: SocketAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    // An address that swallows packets answers neither way.
    socket.setTimeout(answerMs, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function isReady(admin: SocketAddress, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`http://${formatAddress(admin)}/ready`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Not listening yet. An abort ends the wait between two questions.
    return false;
  }
}
