// A hash table from raw bytes, as they came, to what they mean. The plain and the Huffman form of one value are two
// aliases of one field.

import { isEqualBytes } from './field-bytes.ts';
import type { FieldName } from './field-name.ts';

/** A search looks at no more places than this, whatever a peer sent; what would lie further is not admitted. */
const maxProbes = 16;
const firstCapacity = 256;

interface Alias<T> {
  readonly hash: number;
  readonly owner: FieldName | null;
  readonly isHuffman: boolean;
  readonly bytes: Buffer;
  readonly target: T;
}

export class FieldAliases<T> {
  #places: (Alias<T> | undefined)[] = new Array<Alias<T> | undefined>(firstCapacity).fill(undefined);
  #count = 0;

  /**
   * What `buf[start, end)` stands for, or `undefined`.
   * @param hash of the bytes; equal bytes of different owners or forms may share it.
   * @param owner the name whose value it is; `null` for a name.
   */
  find(
    hash: number,
    owner: FieldName | null,
    isHuffman: boolean,
    buf: Buffer,
    start: number,
    end: number,
  ): T | undefined {
    const places = this.#places;
    const mask = places.length - 1;
    for (let probe = 0; probe < maxProbes; probe++) {
      const alias = places[(hash + probe) & mask];
      if (alias === undefined) return undefined;
      if (alias.hash !== hash || alias.owner !== owner || alias.isHuffman !== isHuffman) continue;
      if (alias.bytes.length === end - start && isEqualBytes(alias.bytes, buf, start)) return alias.target;
    }
    return undefined;
  }

  /** Adds an alias that is not there; `bytes` are kept. Answers false when its places are taken. */
  add(hash: number, owner: FieldName | null, isHuffman: boolean, bytes: Buffer, target: T): boolean {
    if (4 * this.#count >= this.#places.length) this.#grow();
    if (!place(this.#places, { hash, owner, isHuffman, bytes, target })) return false;
    this.#count++;
    return true;
  }

  #grow(): void {
    const places = new Array<Alias<T> | undefined>(2 * this.#places.length).fill(undefined);
    this.#count = 0;
    for (const alias of this.#places) if (alias !== undefined && place(places, alias)) this.#count++;
    this.#places = places;
  }
}

function place<T>(places: (Alias<T> | undefined)[], alias: Alias<T>): boolean {
  const mask = places.length - 1;
  for (let probe = 0; probe < maxProbes; probe++) {
    const at = (alias.hash + probe) & mask;
    if (places[at] !== undefined) continue;
    places[at] = alias;
    return true;
  }
  return false;
}
