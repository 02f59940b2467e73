// What everything above the codec sees of header blocks. The classes behind these types are in `shape.ts`,
// `header-block.ts` and `shape-edit.ts`; `header-shapes.ts` makes them.

/** Which rules a block is held to (RFC 9113 sections 8.2 and 8.3). */
export type BlockKind = 'request' | 'response' | 'trailers';

/** One field of a shape: fixed (`value` is text, latin1) or a hole (`value` is `null`, the bytes are the block's). */
export interface Field {
  /** Lower case, latin1. Pseudo-fields begin with a colon. */
  readonly name: string;
  readonly value: string | null;
  /** Index among the block's holes, -1 when fixed. */
  readonly hole: number;
  /** Leaves as never-indexed (RFC 7541 section 7.1.3). */
  readonly sensitive: boolean;
}

/**
 * The hidden class of header blocks: all blocks with the same names and the same fixed values share one shape,
 * whatever their holes hold. Immutable. Pseudo-fields first, then regular fields sorted by name identity, equal names
 * in their order of arrival.
 */
export interface Shape {
  readonly fields: readonly Field[];
  /** Index of the first field of that name, or -1. */
  indexOf(name: string): number;
}

/**
 * One header block: a shape and its holes. A block handed to a callback is valid until that callback returns;
 * `retain()` gives a copy that outlives it.
 */
export interface HeaderBlock {
  readonly shape: Shape;
  /** First value of that name as latin1 text, `null` when absent. Allocates only for holes. */
  value(name: string): string | null;
  /** All values of that name, in order. */
  values(name: string): string[];
  /**
   * The first value's bytes, Huffman undone; `null` if absent. Not to be written to. A fixed value costs nothing, a
   * hole a view of the block's bytes, which is valid as long as the block is.
   */
  bytes(name: string): Uint8Array | null;
  /**
   * Copies the first value's bytes, Huffman undone, to `into`, as far as they fit; answers how many they are, -1 if absent.
   * Allocates nothing.
   */
  read(name: string, into: Uint8Array): number;
  /** The first value as a whole number of 1 to 15 digits; -1 when it is none or absent. Makes no text of it. */
  digits(name: string): number;
  /** All fields as text, in the shape's order. */
  entries(): [name: string, value: string][];
  /** Why this block is malformed as a block of that kind, naming the field; `null` when it is sound. Memoised. */
  problem(kind: BlockKind): string | null;
  /** 0 where the decoded size (RFC 9113 section 6.5.2) is at most `limitBytes`, else that size. */
  sizeAbove(limitBytes: number): number;
  /** This block with an edit applied; valid as long as this block is. One value for each hole of the edit, in order. */
  edit(edit: HeaderEdit, holes?: readonly Uint8Array[]): HeaderBlock;
  retain(): HeaderBlock;
  /** What a copy that is retained holds for itself, bytes: the values of its holes. */
  readonly ownBytes: number;
}

/** What is derived from a shape, computed once for each and dropped with it. One memo for each kind of derivation. */
export interface ShapeMemo<T> {
  get(shape: Shape): T | undefined;
  set(shape: Shape, value: T): void;
}

/** An edit made once and applied to many blocks: its identity is the key under which derived shapes are kept. */
export interface HeaderEdit {
  readonly remove: readonly string[];
  /** After the removal, in order. */
  readonly set: readonly FieldToSet[];
}

/** A field that an edit puts in. */
export interface FieldToSet {
  readonly name: string;
  /** Without it the field is a hole: each block brings its own. */
  readonly value?: string;
  /**
   * `replace` (the default) every field of that name; `append` one more; `if-absent`: only where there is none of that
   * name; `if-present`: `replace` where there is one. What the same edit put in before is not replaced.
   */
  readonly mode?: 'replace' | 'append' | 'if-absent' | 'if-present';
}
