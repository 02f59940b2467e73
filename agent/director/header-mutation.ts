// Header changes of a route configuration, compiled: each level is one edit of the block, so that what it makes of a
// shape is computed once (envoy-behaviours section 4).
import type { HeaderAddition, HeaderMutations } from '../../xds/model/header-mutations.ts';
import type { FieldToSet, HeaderBlock, HeaderEdit, HeaderShapes } from '../http2/index.ts';
import { evaluateFormat, type FormatInput, fixedText, readsRequest } from './header-format.ts';

const modes = {
  append: 'append',
  'add-if-absent': 'if-absent',
  overwrite: 'replace',
  'overwrite-if-present': 'if-present',
  join: 'replace',
} as const;

/** Edits that one level keeps; a level rarely has more than one value that may be empty. */
const MAX_EDITS = 64;

/** One level's changes of one block: removal, then additions. */
export class HeaderMutation {
  readonly readsRequest: boolean;
  readonly #shapes: HeaderShapes;
  readonly #remove: readonly string[];
  readonly #additions: readonly HeaderAddition[];
  /** Those whose value varies with the call. */
  readonly #varying: readonly HeaderAddition[];
  /** By which of the varying ones are left out, since their value is empty: the sum of 2 to the power of their places. */
  readonly #edits = new Map<number, HeaderEdit>();

  private constructor(remove: readonly string[], additions: readonly HeaderAddition[], shapes: HeaderShapes) {
    this.#shapes = shapes;
    this.#remove = remove;
    this.#additions = additions;
    this.#varying = additions.filter(varies);
    this.readsRequest = additions.some(({ value }) => readsRequest(value));
  }

  /** `null` where nothing is changed. */
  static compile(
    remove: readonly string[],
    additions: readonly HeaderAddition[],
    shapes: HeaderShapes,
  ): HeaderMutation | null {
    const lasting = withoutOverwritten(
      additions.filter((addition) => addition.keepEmpty || fixedText(addition.value) !== ''),
    );
    return remove.length + lasting.length === 0 ? null : new HeaderMutation(remove, lasting, shapes);
  }

  /** Valid as long as `block` is. `input` gives the formats their values. */
  apply(block: HeaderBlock, input: FormatInput): HeaderBlock {
    const varying = this.#varying;
    if (varying.length === 0) return block.edit(this.#editWithout(0));
    const values: Buffer[] = [];
    let absent = 0;
    for (let i = 0; i < varying.length; i++) {
      const { name, value, action, keepEmpty } = varying[i]!;
      const text = evaluateFormat(value, input);
      if (text === '' && !keepEmpty) absent += 2 ** i;
      else if (action === 'join') values.push(Buffer.from([...block.values(name), text].join(','), 'latin1'));
      else values.push(Buffer.from(text, 'latin1'));
    }
    return block.edit(this.#editWithout(absent), values);
  }

  #editWithout(absent: number): HeaderEdit {
    let edit = this.#edits.get(absent);
    if (edit === undefined) {
      const kept = this.#additions.filter((addition) => {
        const bit = this.#varying.indexOf(addition);
        return bit === -1 || Math.floor(absent / 2 ** bit) % 2 === 0;
      });
      edit = this.#shapes.edit({ remove: this.#remove, set: kept.map(fieldToSet) });
      // Clients choose what is empty.
      if (this.#edits.size === MAX_EDITS) this.#edits.clear();
      this.#edits.set(absent, edit);
    }
    return edit;
  }
}

/** One level, both ways. */
interface Level {
  readonly request: HeaderMutation | null;
  readonly response: HeaderMutation | null;
}

/** Compiles levels, each of them once however many routes stand below it. */
export class MutationCompiler {
  readonly #shapes: HeaderShapes;
  readonly #levels = new Map<HeaderMutations, Level>();

  constructor(shapes: HeaderShapes) {
    this.#shapes = shapes;
  }

  /** @param levels in the order in which they apply. `null` where none changes anything. */
  chain(levels: readonly (HeaderMutations | null)[]): MutationChain | null {
    const compiled = levels.flatMap((level) => (level === null ? [] : [this.#compile(level)]));
    if (compiled.length === 0) return null;
    return {
      request: compiled.flatMap(({ request }) => (request === null ? [] : [request])),
      response: compiled.flatMap(({ response }) => (response === null ? [] : [response])),
    };
  }

  #compile(mutations: HeaderMutations): Level {
    let level = this.#levels.get(mutations);
    if (level === undefined) {
      level = {
        request: HeaderMutation.compile(mutations.requestRemove, mutations.requestAdd, this.#shapes),
        response: HeaderMutation.compile(mutations.responseRemove, mutations.responseAdd, this.#shapes),
      };
      this.#levels.set(mutations, level);
    }
    return level;
  }
}

export interface MutationChain {
  readonly request: readonly HeaderMutation[];
  readonly response: readonly HeaderMutation[];
}

/** A field that a later addition of the level overwrites need not be put in. */
function withoutOverwritten(additions: readonly HeaderAddition[]): HeaderAddition[] {
  const lasting: HeaderAddition[] = [];
  for (const addition of additions) {
    const { name, action } = addition;
    const isThere = lasting.some((other) => other.name === name && other.action !== 'overwrite-if-present');
    if (action === 'add-if-absent' && isThere) continue;
    if (action === 'overwrite' || (action === 'overwrite-if-present' && isThere)) {
      for (let i = lasting.length - 1; i >= 0; i--) if (lasting[i]!.name === name) lasting.splice(i, 1);
      lasting.push({ ...addition, action: 'overwrite' });
    } else lasting.push(addition);
  }
  return lasting;
}

/** Whether its value is another for each call. */
function varies({ value, action }: HeaderAddition): boolean {
  return action === 'join' || fixedText(value) === null;
}

function fieldToSet(addition: HeaderAddition): FieldToSet {
  const { name, value, action } = addition;
  return varies(addition)
    ? { name, mode: modes[action] }
    : { name, value: fixedText(value) ?? '', mode: modes[action] };
}
