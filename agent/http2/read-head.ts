// What the codec itself reads of a header block: `:status`, `:method` and `content-length`. Looked up once for each
// shape; a value in a hole is read for each block.
import type { HeaderBlock, Shape, ShapeMemo } from './header-contract.ts';
import type { HeaderShapes } from './header-shapes.ts';

/** A value that is in a hole of the block. */
const inHole = -2;
/** No such field. */
const absent = -1;
/** More than one content-length, or one that is no number: nothing can fulfil it. */
const unfulfillable = Number.POSITIVE_INFINITY;

interface HeadFacts {
  readonly status: number;
  readonly contentLength: number;
  /** `null`: in a hole. */
  readonly isHeadRequest: boolean | null;
}

/** One memo for each data plane, found again by its shapes. */
const memos = new WeakMap<HeaderShapes, ShapeMemo<HeadFacts>>();

export class HeadReader {
  readonly #memo: ShapeMemo<HeadFacts>;

  constructor(shapes: HeaderShapes) {
    let memo = memos.get(shapes);
    if (memo === undefined) {
      memo = shapes.memo<HeadFacts>();
      memos.set(shapes, memo);
    }
    this.#memo = memo;
  }

  /** `:status` as a number, -1 without one. The block is sound as a response. */
  status(block: HeaderBlock): number {
    const { status } = this.#facts(block.shape);
    return status === inHole ? Number(block.value(':status')) : status;
  }

  /** Bytes that the message's content will have, -1 when it does not say. */
  contentLength(block: HeaderBlock): number {
    const { contentLength } = this.#facts(block.shape);
    // The block is sound, so that several lengths are equal, and the first one is a number.
    return contentLength === inHole ? block.digits('content-length') : contentLength;
  }

  isHeadRequest(block: HeaderBlock): boolean {
    return this.#facts(block.shape).isHeadRequest ?? block.value(':method') === 'HEAD';
  }

  #facts(shape: Shape): HeadFacts {
    let facts = this.#memo.get(shape);
    if (facts === undefined) {
      facts = readFacts(shape);
      this.#memo.set(shape, facts);
    }
    return facts;
  }
}

function readFacts(shape: Shape): HeadFacts {
  const status = shape.fields[shape.indexOf(':status')];
  const method = shape.fields[shape.indexOf(':method')];
  const lengths = shape.fields.filter(({ name }) => name === 'content-length').map(({ value }) => value);
  const fixed = lengths.filter((value) => value !== null);
  return {
    status: status === undefined ? absent : status.value === null ? inHole : Number(status.value),
    contentLength: lengths.length === 0 ? absent : fixed.length < lengths.length ? inHole : parseLength(fixed),
    isHeadRequest: method === undefined ? false : method.value === null ? null : method.value === 'HEAD',
  };
}

/** RFC 9110 section 8.6: equal values in several fields are one; else the message is malformed. */
function parseLength(values: readonly string[]): number {
  const first = values[0]!;
  if (!/^\d{1,15}$/.test(first)) return unfulfillable;
  return values.every((value) => value === first) ? Number(first) : unfulfillable;
}
