// Ways through a YAML document to the nodes that are to be edited: aliases are followed, merged keys (`<<`) are not, as
// what they hold stands somewhere else.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Path } from './pod-template.ts';

/** Why a document cannot be edited here; one sentence's end. */
export class UneditableError extends Error {
  override readonly name = 'UneditableError';
}

/** Not told by its value: read as a merge, it has none. */
export const MERGE_KEY = '<<';

/** A key with its value, as they stand in the text. */
export interface Entry {
  readonly key: Node;
  /** `null`: nothing stands behind the colon. */
  readonly value: Node | null;
}

export function rangeOf(node: Node): readonly [start: number, end: number] {
  if (!node.range) throw new UneditableError('a part of it has no place in the text');
  return [node.range[0], node.range[1]];
}

/** The key that the mapping itself has; throws where it only merges it. */
export function entryOf(document: Document, map: YAMLMap, name: string): Entry | null {
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === name);
  if (pair !== undefined && isNode(pair.key)) return { key: pair.key, value: nodeBehind(pair) };
  if (hasMerged(document, map, name)) throw new UneditableError(`${name} comes from a merge key (<<); write it out`);
  return null;
}

function nodeBehind({ value }: Pair): Node | null {
  if (!isNode(value)) return null;
  return isScalar(value) && value.source === '' && value.range?.[0] === value.range?.[1] ? null : value;
}

function hasMerged(document: Document, map: YAMLMap, name: string): boolean {
  return map.items.some(({ key, value }) => {
    if (!isScalar(key) || key.source !== MERGE_KEY) return false;
    const merged = resolve(document, isNode(value) ? value : null);
    const sources = isSeq(merged)
      ? merged.items.map((item) => resolve(document, isNode(item) ? item : null))
      : [merged];
    return sources.some((source) => isMap(source) && (source.has(name) || hasMerged(document, source, name)));
  });
}

export function resolve(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}

/** The mapping at a path, and the key it stands behind (`null` at the root and in sequences). */
export function mapAt(document: Document, path: Path): { readonly key: Node | null; readonly map: YAMLMap } {
  let key: Node | null = null;
  let node = document.contents as Node | null;
  for (const step of path) {
    const entry: Entry | null = typeof step === 'string' && isMap(node) ? entryOf(document, node, step) : null;
    const item: unknown = typeof step === 'number' && isSeq(node) ? node.items[step] : entry?.value;
    key = entry?.key ?? null;
    node = isNode(item) ? item : null;
    // What an alias names may be meant for others too.
    if (isAlias(node)) throw new UneditableError(`${step} is the alias *${node.source}; write it out`);
  }
  if (!isMap(node)) throw new UneditableError(`${path.join('.')} is no mapping`);
  return { key, map: node };
}

/** Where a key's value ends in the text; behind its colon where it has none. */
export function endOfEntry(source: { readonly text: string }, { key, value }: Entry): number {
  return value === null ? colonOf(source, key) : contentEnd(source, value);
}

/** Where a value's own text ends: what the parser takes for a collection's end may lie behind comments that follow it. */
export function contentEnd(source: { readonly text: string }, node: Node): number {
  if (isSeq(node) && !node.flow) {
    const last = node.items.at(-1);
    return isNode(last) ? contentEnd(source, last) : rangeOf(node)[1];
  }
  const last = isMap(node) && !node.flow ? entriesOf(node).at(-1) : undefined;
  return last === undefined ? rangeOf(node)[1] : endOfEntry(source, last);
}

/** Behind the colon of a key; throws where a flow mapping leaves it out. */
export function colonOf({ text }: { readonly text: string }, key: Node): number {
  const end = rangeOf(key)[1];
  const [colon] = /^[ \t]*:/.exec(text.slice(end, end + 200)) ?? [];
  if (colon === undefined) throw new UneditableError(`${text.slice(rangeOf(key)[0], end)} has no colon; write it out`);
  return end + colon.length;
}

export function entriesOf(map: YAMLMap): Entry[] {
  return map.items.flatMap((pair) => (isNode(pair.key) ? [{ key: pair.key, value: nodeBehind(pair) }] : []));
}

/** The first item or key of a collection, `null` where it is empty. */
export function firstOf(collection: YAMLMap | YAMLSeq): Node | null {
  const [first] = collection.items;
  const node = isPair(first) ? first.key : first;
  return isNode(node) ? node : null;
}
