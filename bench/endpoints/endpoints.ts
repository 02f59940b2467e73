// What stands behind the proxies, more than fast enough not to matter, all of it on the load generator's core: endpoints
// that answer as grpc-go does, in clear text or over TLS; nghttpd for large messages; a server of streams; and a place
// for spans to go.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHORITY, STREAM_MESSAGES, writeAnswers } from '../load/payload.ts';
import { freePort, LOAD_CORE, type Pinned, spawnPinned, untilListening } from '../machine.ts';

export type EndpointKind = 'unary' | 'tls' | 'bulk' | 'stream';

/** Files of one self-signed certificate, which stands for both legs; `both` is certificate and key in one file. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly both: string;
}

export interface Endpoints {
  /** Of the two endpoints. */
  readonly ports: readonly number[];
  /** Of the endpoints and of the proxies before them; `null`: clear text. */
  readonly tls: Certificate | null;
  /** Where spans go, over OTLP/HTTP. */
  readonly spanPort: number;
}

export interface Backdrop {
  readonly of: Readonly<Record<EndpointKind, Endpoints>>;
  /** Of all of it. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export async function startBackdrop(folder: string): Promise<Backdrop> {
  const types = writeAnswers(folder);
  const certificate = makeCertificate(folder);
  const running: Pinned[] = [];
  const start = async (count: number, commandsOf: (ports: readonly number[]) => string[][]): Promise<number[]> => {
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const children = commandsOf(ports).map((command) => spawnPinned(LOAD_CORE, command));
    running.push(...children);
    for (const port of ports) await untilListening(port, children[0]!.child);
    return ports;
  };
  const node = (file: string, ...args: readonly (string | number)[]): string[] => [
    process.execPath,
    new URL(file, import.meta.url).pathname,
    ...args.map(String),
  ];
  const { certificate: chain, key } = certificate;
  const [spanPort = 0] = await start(1, ([port = 0]) => [node('./span-sink.ts', port)]);
  const clear = { tls: null, spanPort };
  const of = {
    unary: { ...clear, ports: await start(2, (ports) => [node('./unary-endpoint.ts', ...ports)]) },
    tls: {
      ports: await start(2, (ports) => [node('./unary-endpoint.ts', ...ports, '--tls', chain, key)]),
      tls: certificate,
      spanPort,
    },
    bulk: { ...clear, ports: await start(2, (ports) => ports.map((port) => nghttpd(port, folder, types))) },
    stream: {
      ...clear,
      ports: await start(2, (ports) => ports.map((port) => node('./stream-endpoint.ts', port, STREAM_MESSAGES))),
    },
  };
  return {
    of,
    cpuSeconds: () => running.reduce((sum, child) => sum + child.cpuSeconds(), 0),
    stop: async () => {
      await Promise.all(running.map((child) => child.stop()));
    },
  };
}

/** Windows as gRPC servers have them, so that the endpoint is not what large messages wait for. */
function nghttpd(port: number, folder: string, types: string): string[] {
  const windows = ['--window-bits=22', '--connection-window-bits=24', '--max-concurrent-streams=1000'];
  return [
    'nghttpd',
    '--htdocs',
    folder,
    '--trailer',
    'grpc-status: 0',
    ...windows,
    '--mime-types-file',
    types,
    '--no-content-length',
    '--no-tls',
    String(port),
  ];
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
  writeFileSync(files.both, `${readFileSync(files.certificate, 'utf8')}${readFileSync(files.key, 'utf8')}`);
  return files;
}
