// The metadata of a call as user code sees it: immutable, by name, binary where the name says so. It remembers how it
// came from the call's own, so that a proxy changes what was changed and sends the rest on as it came.
// Source: PROTOCOL-HTTP2.md "Custom-Metadata", "Binary Headers".
import type { HeaderBlock } from '../http2/index.ts';

/** Bytes under names that end in `-bin`, else text of printable ASCII. */
export type MetadataValue<Name extends string = string> = string extends Name
  ? string | Uint8Array
  : Lowercase<Name> extends `${string}-bin`
    ? Uint8Array
    : string;

/** What becomes of the fields of one name: these take the place of all that came, or follow them. Text as it is sent. */
export interface MetadataChange {
  readonly name: string;
  readonly replaces: boolean;
  readonly values: readonly string[];
}

export class Metadata implements Iterable<[name: string, value: string | Uint8Array]> {
  /** The request that it began as. */
  #base: HeaderBlock | null = null;
  #changes: ReadonlyMap<string, MetadataChange>;

  /**
   * @param fields by name, without regard to case.
   * @throws TypeError for a name that is none or that belongs to the protocol, and for a value of the wrong kind.
   */
  constructor(fields: Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>> = {}) {
    const changes = new Map<string, MetadataChange>();
    for (const [key, value] of Object.entries(fields)) {
      const name = checkName(key);
      const values = isList(value) ? value : [value];
      changes.set(name, { name, replaces: true, values: values.map((one) => encodeValue(name, one)) });
    }
    this.#changes = changes;
  }

  /** The first value of that name. */
  get<Name extends string>(name: Name): MetadataValue<Name> | undefined {
    return this.getAll(name)[0];
  }

  /** All values of that name, in order. */
  getAll<Name extends string>(name: Name): MetadataValue<Name>[] {
    const key = name.toLowerCase();
    const texts = this.#texts(key);
    // One field may hold several binary values; text that holds a comma is one value.
    const values = isBinary(key) ? texts.flatMap((text) => text.split(',')).map(decodeBinary) : texts;
    return values as MetadataValue<Name>[];
  }

  has(name: string): boolean {
    return this.#texts(name.toLowerCase()).length > 0;
  }

  /** Lower case, each once. */
  names(): string[] {
    const names = new Set<string>();
    for (const [name] of this.#base?.entries() ?? []) if (!isReserved(name)) names.add(name);
    for (const name of this.#changes.keys()) names.add(name);
    return [...names].filter((name) => this.#texts(name).length > 0);
  }

  /** Another one, in which these are the only values of that name. @throws TypeError as the constructor does. */
  with<Name extends string>(
    name: Name,
    ...values: [MetadataValue<NoInfer<Name>>, ...MetadataValue<NoInfer<Name>>[]]
  ): Metadata {
    const key = checkName(name);
    return this.#changed({ name: key, replaces: true, values: values.map((value) => encodeValue(key, value)) });
  }

  /** Another one, in which these follow the values of that name. @throws TypeError as the constructor does. */
  withAdded<Name extends string>(
    name: Name,
    ...values: [MetadataValue<NoInfer<Name>>, ...MetadataValue<NoInfer<Name>>[]]
  ): Metadata {
    const key = checkName(name);
    const before = this.#changes.get(key);
    const added = values.map((value) => encodeValue(key, value));
    const replaces = before?.replaces ?? false;
    return this.#changed({ name: key, replaces, values: [...(before?.values ?? []), ...added] });
  }

  /** Another one, which has nothing of those names. @throws TypeError for a name that belongs to the protocol. */
  without(...names: readonly string[]): Metadata {
    return names.reduce<Metadata>(
      (left, name) => left.#changed({ name: checkName(name), replaces: true, values: [] }),
      this,
    );
  }

  /** Every value, names in lower case. */
  *[Symbol.iterator](): Iterator<[name: string, value: string | Uint8Array]> {
    for (const name of this.names()) for (const value of this.getAll(name)) yield [name, value];
  }

  /** Of a request that came. @param block has to outlive it. */
  static of(block: HeaderBlock): Metadata {
    return Metadata.#create(block, new Map());
  }

  /** Its fields as they are sent. */
  static fields(of: Metadata): [name: string, text: string][] {
    return of.names().flatMap((name) => of.#texts(name).map((text): [string, string] => [name, text]));
  }

  /** What turns the metadata of that request into this one. */
  static changes(of: Metadata, block: HeaderBlock): MetadataChange[] {
    const changes = [...of.#changes.values()];
    if (of.#base === block) return changes;
    // Made anew, or of another call: what it does not name goes.
    const names = of.names();
    const gone = Metadata.of(block)
      .names()
      .filter((name) => !names.includes(name));
    return [
      ...gone.map((name) => ({ name, values: [] })),
      ...names.map((name) => ({ name, values: of.#texts(name) })),
    ].map((change) => ({ ...change, replaces: true }));
  }

  #changed(change: MetadataChange): Metadata {
    return Metadata.#create(this.#base, new Map(this.#changes).set(change.name, change));
  }

  static #create(base: HeaderBlock | null, changes: ReadonlyMap<string, MetadataChange>): Metadata {
    const made = new Metadata();
    made.#base = base;
    made.#changes = changes;
    return made;
  }

  #texts(name: string): readonly string[] {
    const change = this.#changes.get(name);
    if (change?.replaces) return change.values;
    if (this.#base === null || isReserved(name)) return change?.values ?? [];
    return [...this.#base.values(name), ...(change?.values ?? [])];
  }
}

/** What is the protocol's own, and not to be seen or set as metadata; hop by hop fields are nobody's. */
const reserved: ReadonlySet<string> = new Set([
  'te',
  'host',
  'content-type',
  'content-length',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

function isReserved(name: string): boolean {
  return name.startsWith(':') || reserved.has(name);
}

function isBinary(name: string): boolean {
  return name.endsWith('-bin');
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function checkName(text: string): string {
  const name = text.toLowerCase();
  if (isReserved(name)) throw new TypeError(`${JSON.stringify(text)} belongs to the protocol and is no metadata`);
  if (!/^[0-9a-z_.-]+$/.test(name)) {
    throw new TypeError(`${JSON.stringify(text)} is no metadata name: letters, digits, "_", "-" and "." make one`);
  }
  return name;
}

function encodeValue(name: string, value: unknown): string {
  if (isBinary(name)) {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64').replace(/=+$/, '');
    throw new TypeError(`the value of ${name} has to be a Uint8Array, since the name ends in "-bin"`);
  }
  if (typeof value !== 'string') throw new TypeError(`the value of ${name} has to be a string`);
  if (!/^[ -~]*$/.test(value)) throw new TypeError(`the value of ${name} has characters that are not printable ASCII`);
  if (value !== value.trim()) throw new TypeError(`the value of ${name} begins or ends with a space`);
  return value;
}

function decodeBinary(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.trim(), 'base64'));
}
