// How long to wait before the next attempt to open a stream (gRFC A57: grpc's connection backoff).

const firstMs = 1000;
const factor = 1.6;
const maxMs = 120_000;
const jitter = 0.2;

/** `attempt` counts from 0; `random` is 0 to 1. From 1 s, growing by 1.6 up to `longestMs`, each 20 % up or down. */
export function backoffMs(attempt: number, random: number, longestMs: number = maxMs): number {
  return jittered(Math.min(longestMs, firstMs * factor ** attempt), random);
}

/** How long to keep back the NACK of a response that was rejected before: 1 s, doubling up to 30 s. */
export function nackDelayMs(repeats: number, random: number): number {
  return jittered(Math.min(30_000, firstMs * 2 ** Math.min(repeats, 10)), random);
}

function jittered(ms: number, random: number): number {
  return Math.round(ms * (1 - jitter + 2 * jitter * random));
}
