// What a director function makes of the head that goes upstream: another authority, other metadata. The edits are made
// once for each set of names, since what is derived from them is kept by their identity; the values are their holes.
import { Metadata, type MetadataChange } from '../grpc/metadata.ts';
import type { FieldToSet, HeaderBlock, HeaderEdit, HeaderShapes } from '../http2/index.ts';
import type { HeadChange } from './decision.ts';

/** Edits that are kept; directors that name more start anew. */
const maxEdits = 256;

export class DirectedHeads {
  readonly #shapes: HeaderShapes;
  readonly #authority: HeaderEdit;
  readonly #edits = new Map<string, HeaderEdit>();

  constructor(shapes: HeaderShapes) {
    this.#shapes = shapes;
    // What came as `host` alone is an authority too.
    this.#authority = shapes.edit({ remove: ['host'], set: [{ name: ':authority' }] });
  }

  /**
   * @param block the head as it came.
   * @returns `null` where it passes as it is.
   */
  change(block: HeaderBlock, authority: string | undefined, metadata: Metadata | undefined): HeadChange | null {
    const steps: Step[] = [];
    if (authority !== undefined) {
      steps.push({ edit: this.#authority, values: [Buffer.from(authority, 'latin1')] });
    }
    const changes = metadata === undefined ? [] : Metadata.changes(metadata, block);
    if (changes.length > 0) steps.push({ edit: this.#editOf(changes), values: valuesOf(changes) });
    return steps.length === 0 ? null : new DirectedHead(steps);
  }

  #editOf(changes: readonly MetadataChange[]): HeaderEdit {
    const key = changes
      .map(({ name, replaces, values }) => `${replaces ? '=' : '+'}${name} ${values.length}`)
      .join('\n');
    let edit = this.#edits.get(key);
    if (edit === undefined) {
      const remove = changes.filter(({ values }) => values.length === 0).map(({ name }) => name);
      const set = changes.flatMap(({ name, replaces, values }) =>
        values.map((): FieldToSet => ({ name, mode: replaces ? 'replace' : 'append' })),
      );
      edit = this.#shapes.edit({ remove, set });
      if (this.#edits.size === maxEdits) this.#edits.clear();
      this.#edits.set(key, edit);
    }
    return edit;
  }
}

interface Step {
  readonly edit: HeaderEdit;
  readonly values: readonly Uint8Array[];
}

class DirectedHead implements HeadChange {
  readonly #steps: readonly Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  request(head: HeaderBlock): HeaderBlock {
    return this.#steps.reduce((block, { edit, values }) => block.edit(edit, values), head);
  }

  response(head: HeaderBlock): HeaderBlock {
    return head;
  }
}

function valuesOf(changes: readonly MetadataChange[]): Uint8Array[] {
  return changes.flatMap(({ values }) => values.map((value) => Buffer.from(value, 'latin1')));
}
