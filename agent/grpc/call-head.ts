// The head of a call: what its first HEADERS say, read once and shared by router, policies and observers.
import type { HeaderBlock, HeaderShapes, Shape, ShapeMemo } from '../http2/index.ts';

export interface CallHead {
  /** `:path` as it came, query included. */
  readonly path: string;
  /** `package.Service/Method`: the path without its first slash and without a query. */
  readonly method: string;
  /** `:authority` in its own case, or `host` where there is none; empty when absent. */
  readonly authority: string;
  /** There is a `host` field, which says the same as `:authority` where that is there too. */
  readonly hasHost: boolean;
  readonly contentType: string;
  /** `application/grpc`, alone or followed by `+` or `;` (PROTOCOL-HTTP2.md). */
  readonly isGrpc: boolean;
  /** Its answer has no content (RFC 9110 section 9.3.2). */
  readonly isHead: boolean;
  /** The first block. Valid only while the head is being directed, unless retained. */
  readonly block: HeaderBlock;
}

/** What is the same for all blocks of a shape; `null` where that is a hole. */
interface HeadOfShape {
  readonly path: string | null;
  readonly method: string;
  readonly authority: string | null;
  readonly hasHost: boolean;
  readonly contentType: string | null;
  readonly isGrpc: boolean;
  readonly isHead: boolean | null;
}

export type CallHeadMemo = ShapeMemo<HeadOfShape>;

export function createCallHeadMemo(shapes: HeaderShapes): CallHeadMemo {
  return shapes.memo<HeadOfShape>();
}

/** Reads a sound request block (`problem('request')` is `null`). A warm shape costs one object and no string. */
export function readCallHead(block: HeaderBlock, memo: CallHeadMemo): CallHead {
  const { shape } = block;
  let known = memo.get(shape);
  if (known === undefined) {
    known = headOfShape(shape);
    memo.set(shape, known);
  }
  const path = known.path ?? block.value(':path') ?? '';
  const contentType = known.contentType ?? block.value('content-type') ?? '';
  return {
    path,
    method: known.path === null ? methodOf(path) : known.method,
    authority: known.authority ?? block.value(':authority') ?? block.value('host') ?? '',
    hasHost: known.hasHost,
    contentType,
    isGrpc: known.contentType === null ? isGrpcContentType(contentType) : known.isGrpc,
    isHead: known.isHead ?? block.value(':method') === 'HEAD',
    block,
  };
}

function headOfShape(shape: Shape): HeadOfShape {
  const path = fixedValue(shape, ':path');
  const contentType = fixedValue(shape, 'content-type');
  const method = fixedValue(shape, ':method');
  return {
    path,
    method: methodOf(path ?? ''),
    authority: fixedValue(shape, shape.indexOf(':authority') === -1 ? 'host' : ':authority'),
    hasHost: shape.indexOf('host') !== -1,
    contentType,
    isGrpc: isGrpcContentType(contentType ?? ''),
    isHead: method === null ? null : method === 'HEAD',
  };
}

/** Empty when the shape has no such field, `null` when it varies. */
function fixedValue(shape: Shape, name: string): string | null {
  const field = shape.fields[shape.indexOf(name)];
  return field === undefined ? '' : field.value;
}

function methodOf(path: string): string {
  const query = path.indexOf('?');
  return path.slice(path.startsWith('/') ? 1 : 0, query === -1 ? path.length : query);
}

function isGrpcContentType(contentType: string): boolean {
  if (!contentType.startsWith('application/grpc')) return false;
  const next = contentType['application/grpc'.length];
  return next === undefined || next === '+' || next === ';';
}
