// Additions to, and removals from, collections of a YAML document as edits of its text. Additions go to the front, right
// behind the line of the collection's key, or (appended) right behind the last item: so no comment and no blank line
// changes its neighbours, and taking the added lines out again gives the very same text.
import { isAlias, isNode, type Node, stringify, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Json, JsonObject } from './json.ts';
import type { SourceText, TextEdit } from './source-text.ts';
import {
  colonOf,
  contentEnd,
  type Entry,
  endOfEntry,
  entriesOf,
  firstOf,
  rangeOf,
  UneditableError,
} from './yaml-nodes.ts';

/** No blank line, no comment, no folding, and safe for readers of YAML 1.1. */
function blockText(value: Json): string {
  return stringify(value, { lineWidth: 0, blockQuote: false, version: '1.1' }).trimEnd();
}

function itemLines(items: readonly Json[]): string {
  return items.map((item) => `- ${blockText(item).replaceAll('\n', '\n  ')}`).join('\n');
}

function memberTexts(members: JsonObject): string[] {
  return Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
}

/** Puts items before those of a sequence, which is the value of `key`. */
export function prependItems(source: SourceText, key: Node, seq: YAMLSeq, items: readonly Json[]): TextEdit {
  if (seq.flow)
    return insertInFlow(
      source,
      seq,
      items.map((item) => JSON.stringify(item)),
    );
  return insertBehindLine(source, key, itemLines(items), source.column(rangeOf(seq)[0]));
}

/** Puts items behind those of a sequence. */
export function appendItems(source: SourceText, key: Node, seq: YAMLSeq, items: readonly Json[]): TextEdit {
  const last = seq.items.at(-1);
  if (last === undefined) return prependItems(source, key, seq, items);
  if (!isNode(last)) throw new UneditableError('a list has an item that is nothing');
  const [start] = rangeOf(last);
  const end = contentEnd(source, last);
  if (seq.flow) {
    const gap = gapBefore(source, start);
    return { start: end, end, text: items.map((item) => `,${gap}${JSON.stringify(item)}`).join('') };
  }
  const at = source.lastLineEnd(end);
  return { start: at, end: at, text: source.indented(itemLines(items), source.column(rangeOf(seq)[0])) };
}

/** Puts keys before those of a mapping, which is the value of `key`. */
export function prependKeys(source: SourceText, key: Node, map: YAMLMap, members: JsonObject): TextEdit {
  if (map.flow) return insertInFlow(source, map, memberTexts(members));
  return insertBehindLine(source, key, blockText(members), source.column(rangeOf(map)[0]));
}

export interface FilledEntry {
  readonly edits: readonly TextEdit[];
  /** What stood behind the colon; `null` where taking the edits back is enough. */
  readonly original: string | null;
}

/**
 * Gives a key that has nothing (or `~`, `null`, an alias) the wanted value; an alias is merged with it. `inFlow`: the key
 * is in a flow mapping.
 */
export function fillEntry(
  source: SourceText,
  entry: Entry,
  wanted: JsonObject | readonly Json[],
  inFlow: boolean,
): FilledEntry {
  const colon = colonOf(source, entry.key);
  const end = endOfEntry(source, entry);
  const original = source.text.slice(colon, end);
  const alias = isAlias(entry.value) ? entry.value.source : null;
  if (alias !== null && Array.isArray(wanted)) throw new UneditableError(`a list is the alias *${alias}; write it out`);
  if (inFlow) {
    const members = alias === null ? [] : [`"<<": *${alias}`];
    const text = Array.isArray(wanted)
      ? JSON.stringify(wanted)
      : `{${[...members, ...memberTexts(wanted as JsonObject)].join(', ')}}`;
    return { edits: [{ start: colon, end, text: ` ${text}` }], original };
  }
  const lines = Array.isArray(wanted) ? itemLines(wanted) : blockText(wanted as JsonObject);
  const merge = alias === null ? '' : `<<: *${alias}\n`;
  const insertion = insertBehindLine(source, entry.key, merge + lines, source.column(rangeOf(entry.key)[0]) + 2);
  if (original === '') return { edits: [insertion], original: null };
  return { edits: [{ start: colon, end, text: '' }, insertion], original };
}

function insertBehindLine(source: SourceText, key: Node, lines: string, column: number): TextEdit {
  const at = source.lineEnd(rangeOf(key)[0]);
  return { start: at, end: at, text: source.indented(lines, column) };
}

function insertInFlow(source: SourceText, collection: YAMLMap | YAMLSeq, texts: readonly string[]): TextEdit {
  const first = firstOf(collection);
  if (first === null) {
    const at = rangeOf(collection)[0] + 1;
    return { start: at, end: at, text: texts.join(', ') };
  }
  const at = rangeOf(first)[0];
  const gap = gapBefore(source, at);
  return { start: at, end: at, text: texts.map((text) => `${text},${gap}`).join('') };
}

/** What stands between two items of a flow collection where `start` begins one: a newline and its indent, or a space. */
function gapBefore(source: SourceText, start: number): string {
  const before = source.text.slice(source.lineStart(start), start);
  return before.trim() === '' ? source.newline + before : ' ';
}

/** Takes items out again, wherever they are now. */
export function removeItems(source: SourceText, seq: YAMLSeq, isOurs: (item: Node) => boolean): TextEdit[] {
  const items = seq.items.filter(isNode);
  if (!seq.flow)
    return items.filter(isOurs).map((item) => removeLines(source, rangeOf(item)[0], contentEnd(source, item)));
  return removeFromFlow(
    seq,
    items.map((item) => ({ range: rangeOf(item), isOurs: isOurs(item) })),
  );
}

/** Takes keys and their values out. */
export function removeKeys(source: SourceText, map: YAMLMap, isOurs: (key: Node) => boolean): TextEdit[] {
  const entries = entriesOf(map).map((entry) => ({
    range: [rangeOf(entry.key)[0], endOfEntry(source, entry)] as const,
    isOurs: isOurs(entry.key),
  }));
  if (map.flow) return removeFromFlow(map, entries);
  return entries.filter((entry) => entry.isOurs).map(({ range }) => removeLines(source, ...range));
}

function removeLines(source: SourceText, start: number, end: number): TextEdit {
  return { ...source.linesBetween(start, end), text: '' };
}

interface FlowEntry {
  readonly range: readonly [start: number, end: number];
  readonly isOurs: boolean;
}

function removeFromFlow(collection: YAMLMap | YAMLSeq, entries: readonly FlowEntry[]): TextEdit[] {
  const edits: TextEdit[] = [];
  for (let i = 0; i < entries.length; i++) {
    if (!entries[i]!.isOurs) continue;
    const first = i;
    while (entries[i + 1]?.isOurs) i++;
    const before = entries[first - 1];
    const after = entries[i + 1];
    if (after !== undefined) edits.push({ start: entries[first]!.range[0], end: after.range[0], text: '' });
    else edits.push({ start: before?.range[1] ?? rangeOf(collection)[0] + 1, end: entries[i]!.range[1], text: '' });
  }
  return edits;
}
