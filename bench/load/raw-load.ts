// Our own load generator, for what h2load cannot do: header values that are fresh in each call, in the encodings of
// gRPC clients, and calls that begin at a rate. A process of its own; its argument is a `RawShape` as JSON, its output a
// `LoadResult`. Latency counts from when a call was due, so that a stall is seen by all calls that it delays.
import net from 'node:net';
import { percentile } from '../report/statistics.ts';
import { callFields } from './call-fields.ts';
import type { LoadResult } from './load-result.ts';
import { grpcMessage, MESSAGE_BYTES } from './payload.ts';
import { PeerEncoder } from './peer-hpack.ts';
import { RawConnection, type RawConnectionOwner } from './raw-connection.ts';
import type { RawShape } from './raw-shape.ts';

const shape = JSON.parse(process.argv[2] ?? '') as RawShape;
const message = grpcMessage(MESSAGE_BYTES - 5, 0x61);
/** The first calls are not measured: until its code is compiled, the generator is slower than what it asks. */
const settleMs = 500;
/** How long calls are waited for that were due within the time; later ones have failed. */
const graceMs = 3000;

/**
 * The fields of so many calls are made beforehand, and then come again: no table remembers as many, and the generator
 * should not be what is measured.
 */
const stock = Array.from({ length: 5000 }, (_, call) => callFields(shape.peer, call));

const connections: RawConnection[] = [];
let latencies = new Float64Array(1 << 20);
let ready = 0;
let begun = 0;
let ended = 0;
/** Of those that ended, how many had begun after `settleMs`. */
let measured = 0;
let failed = 0;
let beganAt = 0;
let settledAt = 0;
let endsAt = Number.POSITIVE_INFINITY;
let isFinished = false;

const owner: RawConnectionOwner = {
  onReady: () => {
    if (++ready === shape.connections) begin();
  },
  onDone: (connection, due, succeeded) => {
    const now = performance.now();
    record(due, now);
    if (!succeeded) failed++;
    if (shape.perSecond > 0) {
      if (ended === begun && dueAt(begun) >= endsAt) finish();
    } else if (now >= endsAt) {
      finish();
    } else {
      begun++;
      connection.call(now);
    }
  },
  onClosed: (reason) => {
    process.stderr.write(`raw-load: ${reason} after ${ended} calls\n`);
    process.exit(1);
  },
  fields: () => stock[begun % stock.length]!,
};

for (let i = 0; i < shape.connections; i++) {
  const socket = net.connect({ host: '127.0.0.1', port: shape.port });
  connections.push(new RawConnection(socket, new PeerEncoder(shape.peer), message, owner));
}

function begin(): void {
  beganAt = performance.now();
  settledAt = beganAt + settleMs;
  endsAt = settledAt + shape.seconds * 1000;
  if (shape.perSecond > 0) {
    setTimeout(finish, endsAt - beganAt + graceMs);
    tick();
    return;
  }
  for (const connection of connections) {
    for (let i = 0; i < shape.streams; i++) {
      begun++;
      connection.call(beganAt);
    }
    connection.flush();
  }
}

/** Begins what is due. Timers of Node come once a millisecond at best, which every proxy's figures bear alike. */
function tick(): void {
  const now = performance.now();
  let due = dueAt(begun);
  while (due <= now && due < endsAt) {
    connections[begun % connections.length]!.call(due);
    due = dueAt(++begun);
  }
  for (const connection of connections) connection.flush();
  if (due < endsAt) setTimeout(tick, 1);
}

function dueAt(call: number): number {
  return beganAt + (call * 1000) / shape.perSecond;
}

function record(due: number, now: number): void {
  ended++;
  if (due < settledAt) return;
  if (measured === latencies.length) {
    const more = new Float64Array(2 * latencies.length);
    more.set(latencies);
    latencies = more;
  }
  latencies[measured++] = now - due;
}

function finish(): void {
  if (isFinished) return;
  isFinished = true;
  const now = performance.now();
  const done = ended;
  const callsPerSecond = (measured / (now - settledAt)) * 1000;
  // In open loop, what has not ended is late by all of the time it has waited.
  for (let call = ended; shape.perSecond > 0 && call < begun; call++) {
    record(dueAt(call), now);
    failed++;
  }
  const sorted = latencies.subarray(0, measured).sort();
  const result: LoadResult = {
    units: done,
    callsPerSecond,
    latencyMs: {
      mean: sorted.reduce((sum, latency) => sum + latency, 0) / sorted.length,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      p999: percentile(sorted, 0.999),
    },
    failed,
  };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}
