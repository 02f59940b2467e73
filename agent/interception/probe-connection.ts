// A real connection to an address where nobody is (RFC 5737, RFC 3849): it arrives only where the rules redirect it.
import net from 'node:net';
import { hasIpv6 } from './redirection.ts';

const NOWHERE = { IPv4: '192.0.2.1', IPv6: '2001:db8::1' };
const LOOPBACK = { IPv4: '127.0.0.1', IPv6: '::1' };
const NOWHERE_PORT = 50_051;
const WAIT_MS = 2000;

/** What failed, a sentence each; notes are what could not be tried. */
export interface ProbeReport {
  readonly failures: readonly string[];
  readonly notes: readonly string[];
}

/** While the agent does not run, its outbound port is listened to here. */
export async function probeRedirection(outboundPort: number): Promise<ProbeReport> {
  const failures: string[] = [];
  const notes: string[] = [];
  for (const family of hasIpv6() ? (['IPv4', 'IPv6'] as const) : (['IPv4'] as const)) {
    const listener = await listenIfFree(LOOPBACK[family], outboundPort);
    const outcome = await connect(NOWHERE[family]);
    listener?.close();
    if (outcome === 'ENETUNREACH' || outcome === 'EHOSTUNREACH') {
      notes.push(`${family}: not tried, as this pod has no route to ${NOWHERE[family]}`);
    } else if (outcome !== 'connected') {
      failures.push(
        `${family}: a connection to ${NOWHERE[family]} was not redirected to port ${outboundPort}: ${outcome}`,
      );
    }
  }
  return { failures, notes };
}

function listenIfFree(host: string, port: number): Promise<net.Server | null> {
  const server = net.createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(port, host, () => resolve(server));
  });
}

function connect(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: NOWHERE_PORT });
    const timer = setTimeout(() => end(`no answer within ${WAIT_MS / 1000} s`), WAIT_MS);
    const end = (outcome: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => end('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
