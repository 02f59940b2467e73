// How a call ended, as its trailers (or its only headers) say.
import type { HeaderBlock, HeaderShapes, Shape, ShapeMemo } from '../http2/index.ts';
import { decodeGrpcMessage } from './grpc-message.ts';
import { STATUS_NAMES, status } from './status.ts';

/** By shape: the status that all its blocks have, or that each has its own. */
export type StatusMemo = ShapeMemo<number>;

const ABSENT = -1;
const VARIES = -2;

export function createStatusMemo(shapes: HeaderShapes): StatusMemo {
  return shapes.memo<number>();
}

/**
 * The code in `grpc-status`, 0 to 16, or -1 when the block has none. One that is malformed or unknown is UNKNOWN, which is
 * how clients read it (PROTOCOL-HTTP2.md "Responses").
 */
export function readStatus(block: HeaderBlock, memo: StatusMemo): number {
  let code = memo.get(block.shape);
  if (code === undefined) {
    code = statusOfShape(block.shape);
    memo.set(block.shape, code);
  }
  return code === VARIES ? parseStatus(block.value('grpc-status') ?? '') : code;
}

/** `grpc-message` as text; empty when there is none. */
export function readMessage(block: HeaderBlock): string {
  return decodeGrpcMessage(block.value('grpc-message') ?? '');
}

function statusOfShape(shape: Shape): number {
  const field = shape.fields[shape.indexOf('grpc-status')];
  if (field === undefined) return ABSENT;
  return field.value === null ? VARIES : parseStatus(field.value);
}

function parseStatus(text: string): number {
  const code = /^[0-9]{1,2}$/.test(text) ? Number(text) : status.UNKNOWN;
  return code < STATUS_NAMES.length ? code : status.UNKNOWN;
}
