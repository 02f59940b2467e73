// Finds what a resource sets and proto/ does not define: the bytes are walked beside the definitions, since a message that
// was decoded has lost such fields. Linear in the bytes, and bounded in depth; called once a resource, where it is decoded.
import { upstreamFields, wholeMessages } from './upstream-fields.ts';
import type { Scope } from './validation.ts';

/** The fields of a message by number; `null` where there is no such message, or nothing of it is defined. */
export type WireSchema = (typeName: string) => WireMessage | null;

export type WireMessage = ReadonlyMap<number, WireField>;

export interface WireField {
  readonly name: string;
  readonly isRepeated: boolean;
  /** Of a field that holds a message, or of the values of a map; `null`: there is nothing inside. */
  readonly typeName: string | null;
  readonly isMap: boolean;
}

const anyType = 'google.protobuf.Any';
/** Protobuf's own limit of nesting. */
const maxDepth = 100;

/** Reports each field by its path, once for each message that sets it. `bytes` have been decoded as `typeName` before. */
export function reportUnknownFields(schema: WireSchema, typeName: string, bytes: Uint8Array, scope: Scope): void {
  new Walk(schema, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).message(
    typeName,
    0,
    bytes.length,
    scope,
    0,
  );
}

class Walk {
  readonly #schema: WireSchema;
  readonly #bytes: Buffer;
  /** Behind the varint that was read last. */
  #at = 0;
  /** Where the content of the field begins that was skipped last. */
  #content = 0;

  constructor(schema: WireSchema, bytes: Buffer) {
    this.#schema = schema;
    this.#bytes = bytes;
  }

  message(typeName: string, start: number, end: number, scope: Scope, depth: number): void {
    const fields = this.#schema(typeName);
    if (fields === null || depth > maxDepth) return;
    let told: Set<number> | null = null;
    let counts: Map<number, number> | null = null;
    for (let at = start; at < end; ) {
      const tag = this.#varint(at, end);
      const number = Math.floor(tag / 8);
      const from = this.#at;
      at = this.#skip(tag % 8, from, end);
      const field = fields.get(number);
      if (field === undefined) {
        if (told?.has(number)) continue;
        told ??= new Set();
        told.add(number);
        tell(typeName, number, isEmpty(tag % 8, this.#content, at), scope);
      } else if (field.typeName !== null && tag % 8 === 2) {
        const content = this.#content;
        if (field.isMap) this.#mapEntry(field, field.typeName, content, at, scope, depth + 1);
        else {
          let inside = scope.at(field.name);
          if (field.isRepeated) {
            counts ??= new Map();
            const index = counts.get(number) ?? 0;
            counts.set(number, index + 1);
            inside = scope.item(field.name, index);
          }
          this.#value(field.typeName, content, at, inside, depth + 1);
        }
      }
    }
  }

  #value(typeName: string, start: number, end: number, scope: Scope, depth: number): void {
    if (typeName === anyType) this.#any(start, end, scope, depth);
    else this.message(typeName, start, end, scope, depth);
  }

  /** A packed message has no place of its own in a path. */
  #any(start: number, end: number, scope: Scope, depth: number): void {
    let typeUrl = '';
    let [from, to] = [0, 0];
    for (let at = start; at < end; ) {
      const tag = this.#varint(at, end);
      at = this.#skip(tag % 8, this.#at, end);
      if (tag === 10) typeUrl = this.#bytes.toString('utf8', this.#content, at);
      else if (tag === 18) [from, to] = [this.#content, at];
    }
    this.message(typeUrl.slice(typeUrl.lastIndexOf('/') + 1), from, to, scope, depth);
  }

  #mapEntry(field: WireField, valueType: string, start: number, end: number, scope: Scope, depth: number): void {
    let key = '';
    let [from, to] = [0, 0];
    for (let at = start; at < end; ) {
      const tag = this.#varint(at, end);
      at = this.#skip(tag % 8, this.#at, end);
      if (tag === 10) key = this.#bytes.toString('utf8', this.#content, at);
      else if (tag === 18) [from, to] = [this.#content, at];
    }
    this.#value(valueType, from, to, scope.item(field.name, key), depth);
  }

  /** Where a field ends whose tag is behind us. Broken bytes end the walk: they were refused where they were decoded. */
  #skip(wireType: number, from: number, end: number): number {
    this.#content = from;
    switch (wireType) {
      case 0:
        this.#varint(from, end);
        return this.#at;
      case 1:
        return from + 8;
      case 2: {
        const length = this.#varint(from, end);
        this.#content = this.#at;
        return Math.min(end, this.#at + length);
      }
      case 5:
        return from + 4;
      default:
        return end;
    }
  }

  #varint(from: number, end: number): number {
    let value = 0;
    let scale = 1;
    for (let at = from; at < end && at < from + 10; at++) {
      const byte = this.#bytes[at]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#at = at + 1;
        return value;
      }
      scale *= 128;
    }
    this.#at = end;
    return 0;
  }
}

function isEmpty(wireType: number, start: number, end: number): boolean {
  return wireType === 2 && start === end;
}

interface KnownField {
  readonly name: string;
  readonly effect: 'some' | 'none' | 'none when empty';
}

/** By message and number. */
const knownFields: ReadonlyMap<string, ReadonlyMap<number, KnownField>> = new Map(
  Object.entries(upstreamFields).map(([typeName, { effects = '', harmless = '' }]) => [
    typeName,
    new Map([...parseFields(effects, 'some'), ...parseFields(harmless, 'none')]),
  ]),
);

function* parseFields(text: string, effect: 'some' | 'none'): Generator<[number, KnownField]> {
  for (const [, number, name = '', mark] of text.matchAll(/(\d+) (\w+)(\??)/g)) {
    yield [Number(number), { name, effect: mark === '?' ? 'none when empty' : effect }];
  }
}

function tell(typeName: string, number: number, isEmptyField: boolean, scope: Scope): void {
  const field = knownFields.get(typeName)?.get(number);
  if (field === undefined) {
    scope.unsupported(`field ${number} of ${typeName} is not known, and not carried out`);
  } else if (field.effect === 'some' || (field.effect === 'none when empty' && !isEmptyField)) {
    scope.at(field.name).unsupported(`is not carried out (field ${number})`);
  }
}

/** Whether what is inside a message is looked at. */
export function isWalked(typeName: string): boolean {
  return typeName === anyType || !(typeName.startsWith('google.protobuf.') || wholeMessages.has(typeName));
}
