// Our own load generator, for what h2load cannot do: header values that are fresh in each call, in the encodings of
// gRPC clients, and calls that begin at a rate. A process of its own; its argument is a `RawShape` as JSON, its output a
// `LoadResult`. Latency counts from when a call was due, so that a stall is seen by all calls that it delays.
import net from 'node:net';
import { AUTHORITY, grpcMessage, type LoadResult, MESSAGE_BYTES, METHOD_PATH, type RawShape } from './load.ts';
import { PeerEncoder, type PeerField } from './peer-hpack.ts';
import { RawConnection, type RawConnectionOwner } from './raw-connection.ts';

const shape = JSON.parse(process.argv[2] ?? '') as RawShape;
const message = grpcMessage(MESSAGE_BYTES - 5, 0x61);
const head: readonly PeerField[] = [
  fixed(':method', 'POST'),
  fixed(':scheme', 'http'),
  fixed(':path', METHOD_PATH),
  fixed(':authority', AUTHORITY),
  fixed('content-type', 'application/grpc'),
  fixed('user-agent', 'grpc-go/1.80.0'),
  fixed('te', 'trailers'),
];

const connections: RawConnection[] = [];
const latencies = new Float64Array(shape.calls);
let ready = 0;
let begun = 0;
let ended = 0;
let failed = 0;
let beganAt = 0;

const owner: RawConnectionOwner = {
  onReady: () => {
    if (++ready === shape.connections) begin();
  },
  onDone: (connection, due, succeeded) => {
    latencies[ended++] = performance.now() - due;
    if (!succeeded) failed++;
    if (ended === shape.calls) finish();
    else if (shape.perSecond === 0 && begun < shape.calls) {
      begun++;
      connection.call(performance.now());
    }
  },
  onClosed: (reason) => {
    process.stderr.write(`raw-load: ${reason} after ${ended} calls\n`);
    process.exit(1);
  },
  fields: freshFields,
};

for (let i = 0; i < shape.connections; i++) {
  const socket = net.connect({ host: '127.0.0.1', port: shape.port });
  connections.push(new RawConnection(socket, new PeerEncoder(shape.peer), message, owner));
}

function begin(): void {
  beganAt = performance.now();
  if (shape.perSecond > 0) {
    tick();
    return;
  }
  for (const connection of connections) {
    for (let i = 0; i < shape.streams && begun < shape.calls; i++) {
      begun++;
      connection.call(beganAt);
    }
    connection.flush();
  }
}

/** Begins what is due. Timers of Node come once a millisecond at best, which every proxy's figures bear alike. */
function tick(): void {
  const now = performance.now();
  for (;;) {
    const due = beganAt + (begun * 1000) / shape.perSecond;
    if (begun >= shape.calls || due > now) break;
    connections[begun % connections.length]!.call(due);
    begun++;
  }
  for (const connection of connections) connection.flush();
  if (begun < shape.calls) setTimeout(tick, 1);
}

function finish(): void {
  const seconds = (performance.now() - beganAt) / 1000;
  for (const connection of connections) connection.close();
  latencies.sort();
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
  const mean = latencies.reduce((sum, latency) => sum + latency, 0) / latencies.length;
  const result: LoadResult = {
    units: shape.calls,
    callsPerSecond: shape.calls / seconds,
    latencyMs: { mean, p50: at(0.5), p99: at(0.99), p999: at(0.999) },
    failed,
  };
  process.stdout.write(JSON.stringify(result));
}

/** A span id and a deadline as one client's calls have them: no two alike. */
function freshFields(): readonly PeerField[] {
  const id = (Math.imul(begun, 0x9e3779b1) >>> 0).toString(16).padStart(16, '7');
  const timeout = `${490_000 + ((begun * 7919) % 9973)}u`;
  return [...head, varying('grpc-timeout', timeout), varying('traceparent', `00-4bf92f3577b34da6${id}-${id}-00`)];
}

function fixed(name: string, value: string): PeerField {
  return { name, value, varies: false };
}

function varying(name: string, value: string): PeerField {
  return { name, value, varies: true };
}
