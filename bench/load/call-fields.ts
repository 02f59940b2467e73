// The header fields of the calls of our own load generator: those that gRPC clients send, in the order in which each
// sends them, with a span id and what remains of a deadline that are fresh in each call.
import { AUTHORITY, METHOD_PATH } from './payload.ts';
import type { PeerField, PeerName } from './peer-hpack.ts';

/** One call in so many is marked as sampled by its caller. */
const sampledOneIn = 100;
/** Deadlines that remain lie between these. */
const [leastMs, mostMs] = [250, 500];

const goHead: readonly PeerField[] = [
  fixed(':method', 'POST'),
  fixed(':scheme', 'http'),
  fixed(':path', METHOD_PATH),
  fixed(':authority', AUTHORITY),
  fixed('content-type', 'application/grpc'),
  fixed('user-agent', 'grpc-go/1.85.0'),
  fixed('te', 'trailers'),
];
const coreHead: readonly PeerField[] = [
  fixed(':path', METHOD_PATH),
  fixed(':authority', AUTHORITY),
  fixed(':method', 'POST'),
  fixed(':scheme', 'http'),
  fixed('content-type', 'application/grpc'),
  fixed('te', 'trailers'),
  fixed('grpc-accept-encoding', 'identity, deflate, gzip'),
];
const coreAgent = fixed('user-agent', 'grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)');

/** Call number `call` of a run, counted from 0. */
export function callFields(peer: PeerName, call: number): readonly PeerField[] {
  const id = (Math.imul(call + 1, 0x9e3779b1) >>> 0).toString(16).padStart(16, '7');
  const flags = call % sampledOneIn === 0 ? '01' : '00';
  const trace = varying('traceparent', `00-4bf92f3577b34da6${id}-${id}-${flags}`);
  const timeoutUs = 1000 * leastMs + (((call + 1) * 7919) % (1000 * (mostMs - leastMs)));
  if (peer === 'grpc-go') return [...goHead, varying('grpc-timeout', `${timeoutUs}u`), trace];
  return [...coreHead, varying('grpc-timeout', `${Math.ceil(timeoutUs / 1000)}m`), coreAgent, trace];
}

function fixed(name: string, value: string): PeerField {
  return { name, value, varies: false };
}

function varying(name: string, value: string): PeerField {
  return { name, value, varies: true };
}
