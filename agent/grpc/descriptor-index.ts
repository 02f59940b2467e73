// What descriptor sets (`protoc --include_imports --descriptor_set_out`, `buf build -o`) say, by the names that clients of
// server reflection ask for. Files stay the bytes that they are. Pure.
import { type WireField, wireFields } from './protobuf-wire.ts';

interface IndexedFile {
  /** A serialised `google.protobuf.FileDescriptorProto`. */
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

export class DescriptorIndex {
  readonly #files = new Map<string, IndexedFile>();
  /** Names of files, by the full name of what they define. */
  readonly #symbols = new Map<string, string>();
  readonly #services: string[] = [];
  /** Names of files, by the message that is extended and the number of the extension. */
  readonly #extensions = new Map<string, Map<number, string>>();

  /** Full names, in order. */
  get services(): readonly string[] {
    return this.#services.toSorted();
  }

  /**
   * Adds a serialised `google.protobuf.FileDescriptorSet`; of files of the same name the first counts.
   * @throws RangeError where it is none.
   */
  add(set: Uint8Array): void {
    let count = 0;
    for (const { number, value } of wireFields(set)) {
      if (number !== 1 || typeof value === 'number') throw new RangeError('it has fields that no descriptor set has');
      this.#addFile(value);
      count += 1;
    }
    if (count === 0) throw new RangeError('it holds no file');
  }

  /** Imports that no set holds; clients can make nothing of a file that needs them. */
  missingImports(): string[] {
    const missing = [...this.#files.values()].flatMap(({ imports }) =>
      imports.filter((name) => !this.#files.has(name)),
    );
    return [...new Set(missing)];
  }

  /** The file and all that it imports, each once; `null`: there is no such file. */
  fileNamed(name: string): readonly Uint8Array[] | null {
    if (!this.#files.has(name)) return null;
    const found = new Map<string, Uint8Array>();
    const waiting = [name];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const file = this.#files.get(next);
      if (file === undefined || found.has(next)) continue;
      found.set(next, file.bytes);
      waiting.push(...file.imports.toReversed());
    }
    return [...found.values()];
  }

  /** Of a message, enum, service, extension, or a part of one. */
  fileOf(symbol: string): readonly Uint8Array[] | null {
    const name = this.#symbols.get(symbol.replace(/^\./, ''));
    return name === undefined ? null : this.fileNamed(name);
  }

  fileOfExtension(message: string, number: number): readonly Uint8Array[] | null {
    const name = this.#extensions.get(message)?.get(number);
    return name === undefined ? null : this.fileNamed(name);
  }

  /** In order; `null`: no such message is known. */
  extensionsOf(message: string): readonly number[] | null {
    const numbers = this.#extensions.get(message);
    if (numbers !== undefined) return [...numbers.keys()].sort((a, b) => a - b);
    return this.#symbols.has(message) ? [] : null;
  }

  #addFile(bytes: Uint8Array): void {
    const fields = [...wireFields(bytes)];
    const [name, scope] = [textOf(fields, 1), textOf(fields, 2)];
    if (name === '') throw new RangeError('a file in it has no name');
    if (this.#files.has(name)) return;
    this.#files.set(name, { bytes, imports: messagesOf(fields, 3).map(utf8) });
    for (const message of messagesOf(fields, 4)) this.#addMessage(name, scope, message);
    for (const parts of messagesOf(fields, 5)) this.#addEnum(name, scope, parts);
    for (const service of messagesOf(fields, 6)) {
      const own = this.#define(name, scope, service);
      this.#services.push(own);
      for (const method of messagesOf([...wireFields(service)], 2)) this.#define(name, own, method);
    }
    for (const extension of messagesOf(fields, 7)) this.#addExtension(name, scope, extension);
  }

  #addMessage(file: string, scope: string, message: Uint8Array): void {
    const own = this.#define(file, scope, message);
    const fields = [...wireFields(message)];
    for (const part of [...messagesOf(fields, 2), ...messagesOf(fields, 8)]) this.#define(file, own, part);
    for (const nested of messagesOf(fields, 3)) this.#addMessage(file, own, nested);
    for (const parts of messagesOf(fields, 4)) this.#addEnum(file, own, parts);
    for (const extension of messagesOf(fields, 6)) this.#addExtension(file, own, extension);
  }

  /** Values of an enum are siblings of it (the scope rules of C++, which protobuf has). */
  #addEnum(file: string, scope: string, bytes: Uint8Array): void {
    this.#define(file, scope, bytes);
    for (const value of messagesOf([...wireFields(bytes)], 2)) this.#define(file, scope, value);
  }

  #addExtension(file: string, scope: string, bytes: Uint8Array): void {
    this.#define(file, scope, bytes);
    const fields = [...wireFields(bytes)];
    const message = textOf(fields, 2).replace(/^\./, '');
    const number = fields.find((field) => field.number === 3)?.value;
    if (typeof number !== 'number') return;
    const known = this.#extensions.get(message) ?? new Map<number, string>();
    this.#extensions.set(message, known);
    known.set(number, file);
  }

  /** Its full name. What has a name has it in field 1. */
  #define(file: string, scope: string, bytes: Uint8Array): string {
    const name = textOf([...wireFields(bytes)], 1);
    const full = scope === '' ? name : `${scope}.${name}`;
    if (!this.#symbols.has(full)) this.#symbols.set(full, file);
    return full;
  }
}

function messagesOf(fields: readonly WireField[], number: number): Uint8Array[] {
  return fields.flatMap((field) => (field.number === number && typeof field.value !== 'number' ? [field.value] : []));
}

function textOf(fields: readonly WireField[], number: number): string {
  return utf8(messagesOf(fields, number).at(-1) ?? new Uint8Array());
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
