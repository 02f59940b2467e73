// What all connections of the soak's own side share: it speaks HTTP/2 by the codec, since that leaves the most of the
// machine to the agent, and the codec's interoperability is tested elsewhere.
import {
  type ConnectionEnvironment,
  defaultLimits,
  Flusher,
  type HeaderBlock,
  HeaderShapes,
  type Role,
} from '../../agent/http2/index.ts';

export const shapes = new HeaderShapes();
export const flusher = new Flusher();

export function environment(role: Role, onError: (line: string) => void): ConnectionEnvironment {
  return {
    shapes,
    flusher,
    // Cancelling is what the clients are for.
    limits: { ...defaultLimits(role), resetsBeforeRotation: 0 },
    now: () => flusher.now(),
    log: (level, message, fields = {}) => {
      if (level === 'error') onError(`${message} ${JSON.stringify(fields)}`);
    },
  };
}

/** Work of a timer, whose frames leave together. */
export function inTurn(work: () => void): void {
  flusher.enter();
  try {
    work();
  } finally {
    flusher.leave();
  }
}

export const responseHead: HeaderBlock = shapes.block([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);

export function trailers(status: number): HeaderBlock {
  return shapes.block([
    ['grpc-status', String(status)],
    ['grpc-message', status === 0 ? '' : 'as asked'],
  ]);
}

/** Bytes by which a call knows its own. */
export function payload(bytes: number, id: number): Buffer {
  return Buffer.alloc(bytes, id & 0xff);
}

/** Whether all of `buf[start, end)` is that call's. */
export function isOwn(buf: Buffer, start: number, end: number, id: number): boolean {
  const own = id & 0xff;
  for (let i = start; i < end; i++) if (buf[i] !== own) return false;
  return true;
}
