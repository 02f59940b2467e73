// Where this folder gets memos from: the part of `HeaderShapes` that deriving from shapes takes.
import type { ShapeMemo } from '../http2/index.ts';

export interface ShapeMemos {
  /** A slot on every shape for one kind of derivation. Made once in a data plane's life, for there are few. */
  memo<T>(): ShapeMemo<T>;
}
