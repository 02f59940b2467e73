// Asks the application what the kubelet wanted to know, in the kubelet's way (Kubernetes, "Configure Liveness, Readiness
// and Startup Probes"): HTTP with any certificate and any status from 200 to 399, a TCP connection, or grpc.health.v1.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { wireBytes, wireFields } from '../grpc/protobuf-wire.ts';
import type { AppProbe } from '../inject/app-probe.ts';
import { type JsonObject, listOf, objectOf, textOf } from '../inject/json.ts';

/** `status`: what the kubelet is answered; `text`: why, for a person who asks by hand. */
export interface ProbeAnswer {
  readonly status: number;
  readonly text: string;
}

const SERVICE_UNAVAILABLE = 503;
/** So much of an answer is read, and no more. */
const MAX_BODY_BYTES = 10_240;
/** HealthCheckResponse.ServingStatus of grpc.health.v1. */
const SERVING = 1;

/** Never rejects. `host`: the address that the kubelet would ask, the pod's own. */
export async function askApp(probe: AppProbe, host: string): Promise<ProbeAnswer> {
  const timeout = AbortSignal.timeout(probe.timeoutSeconds * 1000);
  try {
    return await ask(probe, host, timeout);
  } catch (error) {
    const cause = timeout.aborted ? `no answer within ${probe.timeoutSeconds} s` : messageOf(error);
    return { status: SERVICE_UNAVAILABLE, text: `the application does not answer: ${cause}` };
  }
}

function ask(probe: AppProbe, host: string, signal: AbortSignal): Promise<ProbeAnswer> {
  if (probe.httpGet !== undefined) return askHttp(probe.httpGet, host, signal);
  if (probe.tcpSocket !== undefined) return askTcp(Number(probe.tcpSocket['port']), host, signal);
  return askGrpc(objectOf(probe.grpc), host, signal);
}

function askHttp(action: JsonObject, host: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const isTls = textOf(action['scheme']).toUpperCase() === 'HTTPS';
  const options = {
    host,
    port: Number(action['port']),
    path: textOf(action['path']) || '/',
    headers: headersOf(action),
    signal,
    agent: false,
    rejectUnauthorized: false,
  };
  const request = (isTls ? https : http).get(options, (response) => {
    const status = response.statusCode ?? SERVICE_UNAVAILABLE;
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) response.destroy();
    });
    response.on('error', () => {});
    response.on('close', () => resolve({ status, text: `the application answered ${status}` }));
  });
  request.on('error', reject);
  return promise;
}

/** The probe's own headers replace ours; one that is named twice is sent twice. */
function headersOf(action: JsonObject): Record<string, string | string[]> {
  const given: Record<string, string[]> = {};
  for (const entry of listOf(action['httpHeaders'])) {
    const { name, value } = objectOf(entry);
    const key = textOf(name).toLowerCase();
    given[key] = [...(given[key] ?? []), textOf(value)];
  }
  const single = Object.entries(given).map(
    ([key, values]) => [key, values.length === 1 ? values[0]! : values] as const,
  );
  return { 'user-agent': 'kube-probe/outrigger', connection: 'close', ...Object.fromEntries(single) };
}

function askTcp(port: number, host: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const socket = net.connect({ port, host, signal });
  socket.on('error', reject);
  socket.on('connect', () => {
    socket.destroy();
    resolve({ status: 200, text: 'the application takes connections' });
  });
  return promise;
}

async function askGrpc(action: JsonObject, host: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const address = net.isIPv6(host) ? `[${host}]` : host;
  const session = http2.connect(`http://${address}:${Number(action['port'])}`);
  const stop = (): void => session.destroy(new Error('aborted'));
  signal.addEventListener('abort', stop);
  try {
    return await checkHealth(session, textOf(action['service']));
  } finally {
    signal.removeEventListener('abort', stop);
    session.destroy();
  }
}

function checkHealth(session: http2.ClientHttp2Session, service: string): Promise<ProbeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  session.on('error', reject);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let body = Buffer.alloc(0);
  let status = '';
  const note = (headers: http2.IncomingHttpHeaders): void => {
    const value = headers['grpc-status'];
    if (typeof value === 'string') status = value;
  };
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('data', (chunk: Buffer) => {
    if (body.length <= MAX_BODY_BYTES) body = Buffer.concat([body, chunk]);
  });
  stream.on('error', reject);
  stream.on('end', () => {
    const isServing = status === '0' && servingStatusIn(body) === SERVING;
    const said = status === '0' ? `status ${servingStatusIn(body)}` : `grpc-status ${status || 'missing'}`;
    const text = isServing ? 'the application is SERVING' : `the application is not SERVING: ${said}`;
    resolve({ status: isServing ? 200 : SERVICE_UNAVAILABLE, text });
  });
  stream.end(healthRequest(service));
  return promise;
}

/** A gRPC message of HealthCheckRequest: its only field is the service's name, number 1. */
function healthRequest(service: string): Buffer {
  const message = service === '' ? Buffer.alloc(0) : wireBytes(1, service);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse has one field, number 1, an enum; 0 (UNKNOWN) is not written. */
function servingStatusIn(body: Buffer): number {
  const status = [...wireFields(body.subarray(5))].find(({ number }) => number === 1)?.value;
  return typeof status === 'number' ? status : 0;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
