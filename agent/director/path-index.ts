// Which routes of a virtual host a path may lead to, without a look at the others: exact paths and prefixes are found by
// hash, a prefix by each length that some prefix has. So ten thousand routes cost a call what ten do.
import type { RouteMatch } from '../../xds/model/route.ts';
import { asciiLower, byteText } from '../grpc/byte-text.ts';

export class PathIndex {
  readonly #exact = new Map<string, number[]>();
  readonly #exactInAnyCase = new Map<string, number[]>();
  /** By their length. */
  readonly #prefixes = new Map<number, Map<string, number[]>>();
  /** What any path may meet: regexes, prefixes in any case, separated prefixes. */
  readonly #others: number[] = [];

  /** @param position above those of the routes before. */
  add({ path, caseSensitive }: Pick<RouteMatch, 'path' | 'caseSensitive'>, position: number): void {
    const text = byteText(path.value);
    if (path.kind === 'exact') {
      if (caseSensitive) push(this.#exact, text, position);
      else push(this.#exactInAnyCase, asciiLower(text), position);
    } else if (path.kind === 'prefix' && caseSensitive) {
      const ofLength = this.#prefixes.get(text.length) ?? new Map<string, number[]>();
      this.#prefixes.set(text.length, ofLength);
      push(ofLength, text, position);
    } else {
      this.#others.push(position);
    }
  }

  /** Positions of all routes whose path rule may hold, each list in ascending order. */
  find(path: string): (readonly number[])[] {
    const lists: (readonly number[])[] = [];
    if (this.#others.length > 0) lists.push(this.#others);
    const exact = this.#exact.get(path);
    if (exact !== undefined) lists.push(exact);
    const inAnyCase = this.#exactInAnyCase.size === 0 ? undefined : this.#exactInAnyCase.get(asciiLower(path));
    if (inAnyCase !== undefined) lists.push(inAnyCase);
    for (const [length, ofLength] of this.#prefixes) {
      const found = length > path.length ? undefined : ofLength.get(path.slice(0, length));
      if (found !== undefined) lists.push(found);
    }
    return lists;
  }
}

function push(index: Map<string, number[]>, key: string, position: number): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, [position]);
  else known.push(position);
}
