// A plan carried out on the text of a YAML document.
import { type Document, isAlias, isMap, isSeq, type Node, type YAMLMap } from 'yaml';
import { type AddedList, formatStatus, type InjectionStatus } from './injection-status.ts';
import { type Json, type JsonObject, objectOf, textOf } from './json.ts';
import { STATUS_ANNOTATION } from './names.ts';
import type { PodPlan } from './pod-plan.ts';
import type { Path } from './pod-template.ts';
import type { ProbeChange } from './probe-plan.ts';
import type { SourceText, TextEdit } from './source-text.ts';
import { appendItems, fillEntry, prependItems, prependKeys } from './yaml-edits.ts';
import { type Entry, endOfEntry, entryOf, mapAt, rangeOf, resolve, UneditableError } from './yaml-nodes.ts';

export interface PodEdits {
  readonly edits: readonly TextEdit[];
  readonly status: InjectionStatus;
}

/** Throws an `UneditableError` where the document is written in a way that no edit fits. */
export function podEdits(source: SourceText, document: Document, template: Path, plan: PodPlan): PodEdits {
  return new PodEditor(source, document, template).carryOut(plan);
}

class PodEditor {
  readonly #source: SourceText;
  readonly #document: Document;
  /** No word of JSON may stand without its quotes. */
  readonly #isJson: boolean;
  readonly #template: { readonly key: Node | null; readonly map: YAMLMap };
  readonly #spec: { readonly key: Node; readonly map: YAMLMap };
  readonly #edits: TextEdit[] = [];
  readonly #added: Partial<Record<AddedList, readonly string[]>> = {};
  readonly #created: string[] = [];
  readonly #original: Record<string, string> = {};

  constructor(source: SourceText, document: Document, template: Path) {
    this.#source = source;
    this.#document = document;
    this.#isJson = isMap(document.contents) && document.contents.flow === true;
    this.#template = mapAt(document, template);
    const { key, map } = mapAt(document, [...template, 'spec']);
    if (key === null) throw new UneditableError('its spec has no key');
    this.#spec = { key, map };
  }

  carryOut(plan: PodPlan): PodEdits {
    for (const change of plan.probes) this.#changeProbe(change);
    const newLists: Record<string, readonly JsonObject[]> = {
      ...this.#add('initContainers', plan.firstInitContainers, 'front'),
      ...this.#add('initContainers', plan.lastInitContainers, 'back'),
      ...this.#add('containers', plan.containers, 'front'),
      ...this.#add('volumes', plan.volumes, 'front'),
    };
    if (Object.keys(newLists).length > 0) {
      this.#edits.push(prependKeys(this.#source, this.#spec.key, this.#spec.map, newLists));
    }
    return this.#annotate();
  }

  /** Answers the list where the pod has none yet. */
  #add(list: AddedList, items: readonly JsonObject[], side: 'front' | 'back'): Record<string, readonly JsonObject[]> {
    if (items.length === 0) return {};
    this.#added[list] = items.map(({ name }) => textOf(name));
    const entry = entryOf(this.#document, this.#spec.map, list);
    if (entry === null) {
      this.#created.push(`spec/${list}`);
      return { [list]: items };
    }
    if (isSeq(entry.value)) {
      const put = side === 'front' ? prependItems : appendItems;
      this.#edits.push(put(this.#source, entry.key, entry.value, items));
    } else this.#fill(`spec/${list}`, entry, items, this.#spec.map);
    return {};
  }

  #fill(place: string, entry: Entry, wanted: JsonObject | readonly Json[], parent: YAMLMap): void {
    const { edits, original } = fillEntry(this.#source, entry, wanted, parent.flow === true);
    this.#edits.push(...edits);
    if (original !== null) this.#original[place] = original;
  }

  #changeProbe({ list, index, container, probe, handler, replacement }: ProbeChange): void {
    const place = `${list}/${container}/${probe}`;
    const found = entryOf(this.#document, this.#containerAt(list, index), probe);
    if (found === null || found.value === null) throw new UneditableError(`${place} is not where it was`);
    const whole = resolve(this.#document, found.value);
    if (!isMap(whole)) throw new UneditableError(`${place} is no mapping`);
    if (isAlias(found.value)) {
      const { [handler]: _, ...rest } = objectOf(whole.toJS(this.#document) as Json);
      this.#replace(place, rangeOf(found.value), flowText({ httpGet: replacement, ...rest }, this.#isJson));
      return;
    }
    const entry = entryOf(this.#document, whole, handler);
    if (entry === null) throw new UneditableError(`${place} is not where it was`);
    const start = rangeOf(entry.key)[0];
    const isBlock = isMap(entry.value) && entry.value.flow !== true;
    const end = endOfEntry(this.#source, entry);
    const text = flowText({ httpGet: replacement }, this.#isJson).slice(1, -1).trim();
    this.#replace(place, [start, isBlock ? this.#source.lastLineEnd(end) : end], text);
  }

  #replace(place: string, [start, end]: readonly [number, number], text: string): void {
    this.#original[place] = this.#source.text.slice(start, end);
    this.#edits.push({ start, end, text });
  }

  #containerAt(list: string, index: number): YAMLMap {
    const seq = resolve(this.#document, entryOf(this.#document, this.#spec.map, list)?.value ?? null);
    const item = isSeq(seq) ? resolve(this.#document, seq.items[index] as Node) : null;
    if (!isMap(item)) throw new UneditableError(`${list} is not where it was`);
    return item;
  }

  /** Last, as the status tells of all the rest. */
  #annotate(): PodEdits {
    const metadata = entryOf(this.#document, this.#template.map, 'metadata');
    const metadataMap = metadata === null ? null : resolve(this.#document, metadata.value);
    const annotations = isMap(metadataMap) ? entryOf(this.#document, metadataMap, 'annotations') : null;
    if (metadata === null) this.#created.push('metadata');
    else if (annotations === null) this.#created.push('metadata/annotations');

    // What stands in the place of a value goes into the status that is written there: so it is found out first.
    const parent = isMap(metadataMap) ? metadataMap : this.#template.map;
    const filled = annotations ?? (isMap(metadataMap) ? null : metadata);
    const isFilled = filled !== null && !isMap(filled.value);
    if (isFilled) {
      const place = filled === metadata ? 'metadata' : 'metadata/annotations';
      const { original } = fillEntry(this.#source, filled, {}, parent.flow === true);
      if (original !== null) this.#original[place] = original;
    }
    const status = { added: this.#added, created: this.#created, original: this.#original };
    const members = { [STATUS_ANNOTATION]: formatStatus(status) };

    if (isFilled) {
      const wanted = filled === metadata ? { annotations: members } : members;
      this.#edits.push(...fillEntry(this.#source, filled, wanted, parent.flow === true).edits);
    } else if (annotations !== null && isMap(annotations.value)) {
      this.#edits.push(prependKeys(this.#source, annotations.key, annotations.value, members));
    } else if (metadata !== null && isMap(metadataMap)) {
      this.#edits.push(prependKeys(this.#source, metadata.key, metadataMap, { annotations: members }));
    } else if (this.#template.key !== null) {
      this.#edits.push(
        prependKeys(this.#source, this.#template.key, this.#template.map, { metadata: { annotations: members } }),
      );
    } else throw new UneditableError('it has no metadata');
    return { edits: this.#edits, status };
  }
}

/** A mapping on one line, plain where YAML allows it and `isJson` does not forbid it. */
function flowText(value: JsonObject, isJson: boolean): string {
  if (isJson) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => {
    const isObject = typeof member === 'object' && member !== null && !Array.isArray(member);
    const isPlain = typeof member === 'string' && /^\/[a-z0-9./-]*$/.test(member);
    return `${name}: ${isObject ? flowText(member as JsonObject, false) : isPlain ? member : JSON.stringify(member)}`;
  });
  return `{ ${members.join(', ')} }`;
}
