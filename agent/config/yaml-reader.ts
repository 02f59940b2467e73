// Reads YAML written by people, noting every problem with its line and column instead of stopping at the first.
// It knows YAML and addresses, and nothing of what the files mean.
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { SocketAddress } from '../../xds/model/address.ts';
import { nearestName } from './nearest-name.ts';

/** `line` and `column` count from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `file:line:column: message`. */
export function formatProblem(fileName: string, { line, column, message }: ConfigProblem): string {
  return `${fileName}:${line}:${column}: ${message}`;
}

/** `problems` as a person reads them, one a line. */
export function formatProblems(fileName: string, problems: readonly ConfigProblem[]): string {
  return problems.map((problem) => formatProblem(fileName, problem)).join('\n');
}

/** A place in the file: a node, where it starts, and the path of keys that leads there (for messages). */
export interface YamlPlace {
  readonly node: unknown;
  readonly offset: number;
  readonly path: string;
}

export interface YamlEntry extends YamlPlace {
  readonly key: string;
  readonly keyPlace: YamlPlace;
}

export class YamlReader {
  readonly #document: Document;
  readonly #lines = new LineCounter();
  readonly #problems: ConfigProblem[] = [];
  readonly root: YamlPlace;

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const error of this.#document.errors) this.#note(error.pos[0], error.message);
    this.root = { node: this.#document.contents, offset: startOf(this.#document.contents) ?? 0, path: '' };
  }

  /** All that was noted, in the order of the file. */
  get problems(): readonly ConfigProblem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  problem(place: YamlPlace, message: string): void {
    this.#note(place.offset, place.path === '' ? message : `${place.path}: ${message}`);
  }

  /** `file:line:column: message` about a place, which is no problem. */
  format(fileName: string, { offset }: YamlPlace, message: string): string {
    return formatProblem(fileName, { ...this.#position(offset), message });
  }

  /** The entries of a mapping, in order; an absent (null) one is empty. */
  entries(place: YamlPlace): YamlEntry[] {
    const node = this.#resolve(place.node);
    if (isNothing(node)) return [];
    if (!isMap(node)) {
      this.problem(place, 'expected a mapping (key: value)');
      return [];
    }
    return node.items.flatMap((pair) => {
      const keyNode = this.#resolve(pair.key);
      const keyPlace = { node: keyNode, offset: startOf(pair.key) ?? place.offset, path: place.path };
      if (!isScalar(keyNode) || isNothing(keyNode)) {
        this.problem(keyPlace, 'a key must be a plain word');
        return [];
      }
      const key = String(keyNode.value);
      const path = place.path === '' ? key : `${place.path}.${key}`;
      return [{ key, keyPlace, node: pair.value, offset: startOf(pair.value) ?? keyPlace.offset, path }];
    });
  }

  /** The entries of a mapping whose keys are known; another key is a problem that names the nearest right one. */
  fields<Name extends string>(place: YamlPlace, names: readonly Name[]): Partial<Record<Name, YamlEntry>> {
    const found: Partial<Record<Name, YamlEntry>> = {};
    for (const entry of this.entries(place)) {
      const name = names.find((candidate) => candidate === entry.key);
      if (name !== undefined) found[name] = entry;
      else this.unknownName(entry.keyPlace, 'key', entry.key, names);
    }
    return found;
  }

  /** Notes that `word` is none of `known`, with the nearest of them. */
  unknownName(place: YamlPlace, what: string, word: string, known: readonly string[]): void {
    const nearest = nearestName(word, known);
    const hint = nearest === null ? '' : `; did you mean "${nearest}"?`;
    const list = known.length === 0 ? 'there is none' : `known: ${known.join(', ')}`;
    this.problem(place, `unknown ${what} "${word}"${hint} (${list})`);
  }

  items(place: YamlPlace): YamlPlace[] {
    const node = this.#resolve(place.node);
    if (isNothing(node)) return [];
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        return { node: item, offset: startOf(item) ?? place.offset, path: `${place.path}[${index}]` };
      });
    }
    this.problem(place, 'expected a list');
    return [];
  }

  isMap(place: YamlPlace): boolean {
    return isMap(this.#resolve(place.node));
  }

  isList(place: YamlPlace): boolean {
    return isSeq(this.#resolve(place.node));
  }

  /** A word, a number or a boolean as text, or null with a problem noted. */
  text(place: YamlPlace): string | null {
    const node = this.#resolve(place.node);
    if (isScalar(node) && node.value !== null && String(node.value) !== '') {
      // What was written, not what YAML made of it: a version 1.10 stays 1.10.
      return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    }
    this.problem(place, 'expected text');
    return null;
  }

  /** A whole number of `least` to `most`, or null with a problem noted. */
  integer(place: YamlPlace, least: number, most: number): number | null {
    const node = this.#resolve(place.node);
    const value = isScalar(node) ? node.value : null;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.problem(place, `expected a whole number from ${least} to ${most}`);
    return null;
  }

  /** `true` or `false`, or null with a problem noted. */
  boolean(place: YamlPlace): boolean | null {
    const node = this.#resolve(place.node);
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.problem(place, 'expected true or false');
    return null;
  }

  /** Milliseconds of `250ms`, `5s`, `1.5m` or `2h`; at least one and at most a year. Null with a problem noted. */
  durationMs(place: YamlPlace): number | null {
    const text = this.text(place);
    if (text === null) return null;
    const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text);
    const ms = match === null ? 0 : Math.round(Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0));
    if (ms >= 1 && ms <= yearMs) return ms;
    this.problem(place, `"${text}" is no duration; write a number and its unit, for example 250ms, 5s, 1m or 2h`);
    return null;
  }

  /** One of a few words, or null with a problem noted that names the nearest. */
  word<Word extends string>(place: YamlPlace, what: string, words: readonly Word[]): Word | null {
    const text = this.text(place);
    if (text === null) return null;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) this.unknownName(place, what, text, words);
    return word ?? null;
  }

  /** `host:port` (IPv6 in brackets, port `leastPort` to 65535), or null with a problem noted. */
  address(place: YamlPlace, leastPort: 0 | 1 = 1): SocketAddress | null {
    const text = this.text(place);
    if (text === null) return null;
    const address = parseAddress(text);
    if (address !== null && address.port >= leastPort) return address;
    this.problem(place, `"${text}" is no address; write host:port, for example 127.0.0.1:50051`);
    return null;
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #note(offset: number, message: string): void {
    this.#problems.push({ ...this.#position(offset), message });
  }

  #position(offset: number): Omit<ConfigProblem, 'message'> {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const yearMs = 365 * 24 * 3_600_000;

/** `host:port`, IPv6 in brackets; `null` where the text is no such thing. */
export function parseAddress(text: string): SocketAddress | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)):([0-9]{1,5})$/i.exec(text);
  const port = Number(match?.[3] ?? 0);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port > 65_535 ? null : { host, port };
}

function isNothing(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

/** Where a node starts; a missing one (`{ key }`) has no place of its own. */
function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
