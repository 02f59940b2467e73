// What an injection did to the text of a YAML document, undone.
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { addedLists, type InjectionStatus, parseStatus } from './injection-status.ts';
import { type Json, objectOf, textOf } from './json.ts';
import { STATUS_ANNOTATION } from './names.ts';
import { annotationsOf, type Path } from './pod-template.ts';
import { containerLists, probeKinds } from './probe-plan.ts';
import type { SourceText, TextEdit } from './source-text.ts';
import { removeItems, removeKeys } from './yaml-edits.ts';
import { colonOf, type Entry, endOfEntry, entriesOf, entryOf, MERGE_KEY, mapAt, rangeOf } from './yaml-nodes.ts';

/** The status of a pod template; `null` where none was injected. */
export function statusIn(template: Json | undefined): InjectionStatus | null {
  return parseStatus(textOf(annotationsOf(objectOf(template))[STATUS_ANNOTATION]));
}

/** Throws an `UneditableError` where the document is written in a way that no edit fits. */
export function removalEdits(
  source: SourceText,
  document: Document,
  template: Path,
  status: InjectionStatus,
): readonly TextEdit[] {
  return new PodRestorer(source, document, status).restore(template);
}

class PodRestorer {
  readonly #source: SourceText;
  readonly #document: Document;
  readonly #status: InjectionStatus;

  constructor(source: SourceText, document: Document, status: InjectionStatus) {
    this.#source = source;
    this.#document = document;
    this.#status = status;
  }

  restore(template: Path): readonly TextEdit[] {
    const root = mapAt(this.#document, template).map;
    const spec = mapAt(this.#document, [...template, 'spec']).map;
    const lists = addedLists.map((list) => ({ list, names: this.#status.added[list] ?? [] }));
    const whole = lists.filter(({ list, names }) => this.#isCreated(`spec/${list}`) && this.#isOnly(spec, list, names));
    return [
      ...this.#probes(spec),
      ...removeKeys(this.#source, spec, (key) => whole.some(({ list }) => nameOf(key) === list)),
      ...lists.filter((entry) => !whole.includes(entry)).flatMap(({ list, names }) => this.#list(spec, list, names)),
      ...this.#annotations(root),
    ];
  }

  #isCreated(place: string): boolean {
    return this.#status.created.includes(place);
  }

  /** Whether a list has nothing but items of ours. */
  #isOnly(spec: YAMLMap, list: string, names: readonly string[]): boolean {
    const value = entryOf(this.#document, spec, list)?.value;
    return isSeq(value) && value.items.every((item) => names.includes(itemName(item)));
  }

  #list(spec: YAMLMap, list: string, names: readonly string[]): readonly TextEdit[] {
    const entry = entryOf(this.#document, spec, list);
    if (entry === null || !isSeq(entry.value)) return [];
    const place = `spec/${list}`;
    if (this.#status.original[place] !== undefined && this.#isOnly(spec, list, names)) {
      return this.#emptyAgain(entry, place);
    }
    return removeItems(this.#source, entry.value, (item) => names.includes(itemName(item)));
  }

  /** Gives a key back what stood behind its colon. */
  #emptyAgain(entry: Entry, place: string): readonly TextEdit[] {
    const original = this.#status.original[place] ?? '';
    const colon = colonOf(this.#source, entry.key);
    const end = endOfEntry(this.#source, entry);
    const lineEnd = this.#source.lineEnd(colon);
    // A comment may stand behind the key; the value is in the lines after it.
    if (end > lineEnd) {
      return [
        { start: colon, end: colon, text: original },
        { start: lineEnd, end: this.#source.lastLineEnd(end), text: '' },
      ];
    }
    return [{ start: colon, end, text: original }];
  }

  #annotations(root: YAMLMap): readonly TextEdit[] {
    const metadata = entryOf(this.#document, root, 'metadata');
    if (metadata === null || !isMap(metadata.value)) return [];
    const annotations = entryOf(this.#document, metadata.value, 'annotations');
    if (annotations === null || !isMap(annotations.value)) return [];
    const isBare = entriesOf(annotations.value).every(({ key }) =>
      [MERGE_KEY, STATUS_ANNOTATION].includes(nameOf(key)),
    );
    const isAlone = isBare && entriesOf(metadata.value).length === 1;
    if (isAlone && this.#isCreated('metadata')) return removeKeys(this.#source, root, (key) => key === metadata.key);
    if (isAlone && this.#status.original['metadata'] !== undefined) return this.#emptyAgain(metadata, 'metadata');
    if (isBare && this.#isCreated('metadata/annotations')) {
      return removeKeys(this.#source, metadata.value, (key) => key === annotations.key);
    }
    if (isBare && this.#status.original['metadata/annotations'] !== undefined) {
      return this.#emptyAgain(annotations, 'metadata/annotations');
    }
    return removeKeys(this.#source, annotations.value, (key) => nameOf(key) === STATUS_ANNOTATION);
  }

  #probes(spec: YAMLMap): readonly TextEdit[] {
    return containerLists.flatMap((list) => {
      const seq = entryOf(this.#document, spec, list)?.value;
      if (!isSeq(seq)) return [];
      return seq.items.flatMap((item) => {
        const container = isAlias(item) ? item.resolve(this.#document) : item;
        if (!isMap(container)) return [];
        return probeKinds.flatMap((probe) => this.#probe(container, probe, `${list}/${itemName(container)}/${probe}`));
      });
    });
  }

  #probe(container: YAMLMap, probe: string, place: string): readonly TextEdit[] {
    const original = this.#status.original[place];
    if (original === undefined) return [];
    const found = entryOf(this.#document, container, probe);
    if (found === null || !isMap(found.value)) return [];
    // The whole probe was an alias.
    if (original.startsWith('*')) {
      const [start, end] = rangeOf(found.value);
      return [{ start, end, text: original }];
    }
    const handler = entryOf(this.#document, found.value, 'httpGet');
    if (handler === null) return [];
    return [{ start: rangeOf(handler.key)[0], end: endOfEntry(this.#source, handler), text: original }];
  }
}

function nameOf(key: Node): string {
  if (!isScalar(key)) return '';
  return key.source === MERGE_KEY ? MERGE_KEY : String(key.value);
}

function itemName(item: unknown): string {
  const name = isMap(item) ? item.get('name') : null;
  return typeof name === 'string' ? name : '';
}
