// An edit of header blocks: fields removed, fields put in the place of all of their name.

import type { FieldEntry } from './field-name.ts';
import type { HeaderEdit } from './header-contract.ts';

/** A field that an edit puts in, and its bytes where it is a hole whose value is the edit's own (a secret). */
export interface EditedField {
  readonly field: FieldEntry;
  readonly constant: Buffer | null;
}

export class HeaderEditImpl implements HeaderEdit {
  readonly remove: readonly string[];
  readonly set: HeaderEdit['set'];
  /** The values of its holes that it brings itself; `null` where each block brings its own. */
  readonly constants: readonly (Buffer | null)[];
  /** How many values each block has to bring. */
  readonly openHoles: number;
  readonly #added: readonly FieldEntry[];
  readonly #removed: ReadonlySet<string>;

  constructor(remove: readonly string[], set: HeaderEdit['set'], added: readonly EditedField[]) {
    this.remove = remove;
    this.set = set;
    this.#added = added.map(({ field }) => field);
    this.constants = added.filter(({ field }) => field.isHole).map(({ constant }) => constant);
    this.openHoles = this.constants.filter((constant) => constant === null).length;
    this.#removed = new Set(remove);
  }

  /**
   * The fields that those become, sorted as they are.
   * `sources` says for each hole where its value comes from: an index of the holes before, or `~index` of the edit's.
   */
  applyTo(fields: readonly FieldEntry[]): { readonly list: FieldEntry[]; readonly sources: number[] } {
    let holes = 0;
    const left = fields
      .map((field) => ({ field, source: field.isHole ? holes++ : -1 }))
      .filter(({ field }) => !this.#removed.has(field.name.text));
    const present = new Set(left.map(({ field }) => field.name.text));
    const replaced = new Set<string>();
    const added: typeof left = [];
    let edited = 0;
    this.#added.forEach((field, at) => {
      const { name, mode = 'replace' } = this.set[at]!;
      const source = field.isHole ? ~edited++ : -1;
      if (mode === 'if-absent' ? present.has(name) : mode === 'if-present' && !present.has(name)) return;
      if (mode === 'replace' || mode === 'if-present') replaced.add(name);
      present.add(name);
      added.push({ field, source });
    });
    const kept = left.filter(({ field }) => !replaced.has(field.name.text));
    // The sort is stable, so that fields of one name stay in their order.
    const all = [...kept, ...added].sort((a, b) => a.field.order - b.field.order);
    return {
      list: all.map(({ field }) => field),
      sources: all.filter(({ field }) => field.isHole).map(({ source }) => source),
    };
  }
}
