// The endpoints behind the proxies, more than fast enough not to matter: nghttpd answering a gRPC message and trailers,
// in clear text or over TLS, or our own server of streams.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AUTHORITY, grpcMessage, MEBIBYTE_PATH, MESSAGE_BYTES, METHOD_PATH } from './load.ts';
import { freePort, LOAD_CORE, type Pinned, spawnPinned, untilListening } from './machine.ts';
import { type EndpointKind, STREAM_MESSAGES } from './workloads.ts';

/** Files of one self-signed certificate, which stands for both legs; `both` is certificate and key in one file. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly both: string;
}

export interface Endpoints {
  readonly ports: readonly number[];
  /** Of the endpoints and of the proxies before them; `null`: clear text. */
  readonly tls: Certificate | null;
  stop(): Promise<void>;
}

export async function startEndpoints(folder: string, kind: EndpointKind, count: number): Promise<Endpoints> {
  writeAnswer(folder, METHOD_PATH, MESSAGE_BYTES - 5);
  writeAnswer(folder, MEBIBYTE_PATH, 1_048_576);
  const tls = kind === 'tls' ? makeCertificate(folder) : null;
  const running: { port: number; process: Pinned }[] = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    const child = spawnPinned(LOAD_CORE, commandOf(kind, port, folder, tls));
    await untilListening(port, child.child);
    running.push({ port, process: child });
  }
  return {
    ports: running.map(({ port }) => port),
    tls,
    stop: async () => {
      await Promise.all(running.map(({ process: child }) => child.stop()));
    },
  };
}

function commandOf(kind: EndpointKind, port: number, folder: string, tls: Certificate | null): string[] {
  if (kind === 'stream') {
    const script = new URL('./stream-endpoint.ts', import.meta.url).pathname;
    return [process.execPath, script, String(port), String(STREAM_MESSAGES)];
  }
  const command = ['nghttpd', '--htdocs', folder, '--trailer', 'grpc-status: 0'];
  // Windows as gRPC servers have them, so that the endpoint is not what large messages wait for.
  command.push('--window-bits=22', '--connection-window-bits=24', '--max-concurrent-streams=1000');
  if (tls === null) return [...command, '--no-tls', String(port)];
  return [...command, String(port), tls.key, tls.certificate];
}

function writeAnswer(folder: string, path: string, payload: number): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, grpcMessage(payload, 0x62));
}

function makeCertificate(folder: string): Certificate {
  const files = {
    certificate: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    both: join(folder, 'both.pem'),
  };
  const names = `subjectAltName=DNS:${AUTHORITY},IP:127.0.0.1`;
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const out = ['-keyout', files.key, '-out', files.certificate];
  execFileSync('openssl', [...args, ...out, '-subj', `/CN=${AUTHORITY}`, '-addext', names], { stdio: 'ignore' });
  execFileSync('sh', ['-c', `cat "${files.certificate}" "${files.key}" > "${files.both}"`]);
  return files;
}
