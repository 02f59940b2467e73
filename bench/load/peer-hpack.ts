// Header blocks as two gRPC clients write them (RFC 7541), to see what their habits cost a proxy.
// grpc-go: whatever is not in the table goes into it, Huffman-coded where that is shorter; so a fresh value in each call
// pushes the others out, which then come again. C-core: the head of the call is in the table, metadata are literals
// outside it, names included, nothing is Huffman-coded; and a deadline goes into the table, so that one of its last five
// is named again by a deadline up to 3 % shorter.
import { writeInteger } from '../../agent/http2/hpack-integer.ts';
import { encodeHuffman } from '../../agent/http2/huffman.ts';

export type PeerName = 'grpc-go' | 'c-core';

/** Entries of the static table that a gRPC request meets by name (RFC 7541 appendix A). */
const staticNames = new Map([
  [':authority', 1],
  [':path', 4],
  ['content-type', 31],
  ['user-agent', 58],
]);
const staticEntries = 61;
const entryOverhead = 32;
/** Deadlines that C-core remembers. */
const coreTimeouts = 5;

export interface PeerField {
  readonly name: string;
  readonly value: string;
  /** It differs from call to call. */
  readonly varies: boolean;
}

/** Entries of 32 bytes and more that a table of 4096 bytes may hold, rounded up to a power of two. */
const maxEntries = 128;

/** It keeps what it has encoded by field: whoever calls it takes fields from a stock, and is not what is measured. */
export class PeerEncoder {
  readonly #peer: PeerName;
  /** Of the table's entries, a ring by their numbers, which count from the connection's first. */
  readonly #sizes = new Int32Array(maxEntries);
  #inserted = 0;
  #oldest = 0;
  #bytes = 0;
  /** The newest entry of a field, and of a name; it may be gone. */
  readonly #byField = new Map<PeerField, number>();
  readonly #byName = new Map<string, number>();
  /** Literals as they are written behind their first byte, without and with the name. */
  readonly #values = new Map<PeerField, Buffer>();
  readonly #literals = new Map<PeerField, Buffer>();
  /** C-core's last deadlines, oldest first. */
  readonly #timeouts: { readonly amount: number; readonly entry: number }[] = [];
  #maxBytes = 4096;
  #announces = false;

  constructor(peer: PeerName) {
    this.#peer = peer;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, before the first block. */
  limitTable(bytes: number): void {
    if (bytes >= this.#maxBytes) return;
    this.#maxBytes = bytes;
    this.#announces = true;
  }

  /** Writes a block; answers where it ends. A field that is not to vary is the same object each time. */
  encode(fields: readonly PeerField[], out: Buffer, start: number): number {
    let at = start;
    if (this.#announces) at = writeInteger(out, at, 0x20, 5, this.#maxBytes);
    this.#announces = false;
    for (let i = 0; i < fields.length; i++) at = this.#field(fields[i]!, out, at);
    return at;
  }

  #field(field: PeerField, out: Buffer, at: number): number {
    const isCore = this.#peer === 'c-core';
    if (isCore && field.name === 'grpc-timeout') return this.#coreTimeout(field, out, at);
    const known = field.varies ? undefined : (staticIndexOf(field) ?? this.#indexOf(this.#byField.get(field)));
    if (known !== undefined) return writeInteger(out, at, 0x80, 7, known);
    if (isCore) return this.#coreLiteral(field, !field.varies, out, at);
    const nameIndex = staticNames.get(field.name) ?? this.#indexOf(this.#byName.get(field.name));
    const end =
      nameIndex === undefined
        ? this.#literal(field, 0x40, out, at)
        : copy(this.#value(field), out, writeInteger(out, at, 0x40, 6, nameIndex));
    this.#insert(field);
    return end;
  }

  #coreLiteral(field: PeerField, isInserted: boolean, out: Buffer, at: number): number {
    const end = this.#literal(field, isInserted ? 0x40 : 0, out, at);
    if (isInserted) this.#insert(field);
    return end;
  }

  #coreTimeout(field: PeerField, out: Buffer, at: number): number {
    const amount = Number.parseInt(field.value, 10);
    const timeouts = this.#timeouts;
    while (timeouts.length > 0 && timeouts[0]!.entry < this.#oldest) timeouts.shift();
    for (const former of timeouts) {
      if (amount > former.amount || amount <= 0.97 * former.amount) continue;
      return writeInteger(out, at, 0x80, 7, staticEntries + this.#inserted - former.entry);
    }
    timeouts.push({ amount, entry: this.#inserted });
    if (timeouts.length > coreTimeouts) timeouts.shift();
    return this.#coreLiteral(field, true, out, at);
  }

  #literal(field: PeerField, first: number, out: Buffer, at: number): number {
    let bytes = this.#literals.get(field);
    if (bytes === undefined) {
      bytes = Buffer.concat([this.#text(field.name), this.#value(field)]);
      this.#literals.set(field, bytes);
    }
    out[at] = first;
    return copy(bytes, out, at + 1);
  }

  #value(field: PeerField): Buffer {
    let bytes = this.#values.get(field);
    if (bytes === undefined) {
      bytes = this.#text(field.value);
      this.#values.set(field, bytes);
    }
    return bytes;
  }

  /** A string as the peer writes it: grpc-go Huffman-coded where that is shorter. */
  #text(text: string): Buffer {
    const plain = Buffer.from(text, 'latin1');
    const coded = encodeHuffman(plain);
    const isCoded = this.#peer === 'grpc-go' && coded.length < plain.length;
    const bytes = isCoded ? coded : plain;
    const length = Buffer.alloc(8);
    return Buffer.concat([length.subarray(0, writeInteger(length, 0, isCoded ? 0x80 : 0, 7, bytes.length)), bytes]);
  }

  #indexOf(entry: number | undefined): number | undefined {
    return entry === undefined || entry < this.#oldest ? undefined : staticEntries + this.#inserted - entry;
  }

  #insert(field: PeerField): void {
    const bytes = field.name.length + field.value.length + entryOverhead;
    while (this.#oldest < this.#inserted && this.#bytes + bytes > this.#maxBytes) {
      this.#bytes -= this.#sizes[this.#oldest % maxEntries]!;
      this.#oldest++;
    }
    if (bytes > this.#maxBytes) return;
    this.#sizes[this.#inserted % maxEntries] = bytes;
    this.#bytes += bytes;
    if (!field.varies) this.#byField.set(field, this.#inserted);
    this.#byName.set(field.name, this.#inserted);
    this.#inserted++;
  }
}

/** Of a request's fields, these stand in the static table as they are. */
function staticIndexOf({ name, value }: PeerField): number | undefined {
  if (name === ':method' && value === 'POST') return 3;
  return name === ':scheme' && value === 'http' ? 6 : undefined;
}

/** As short as these are, a loop is quicker than a call of native code. */
function copy(bytes: Buffer, out: Buffer, at: number): number {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!;
  return at + bytes.length;
}
