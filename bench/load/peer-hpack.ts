// Header blocks as two gRPC clients write them (RFC 7541), to see what their habits cost a proxy.
// grpc-go: whatever is not in the table goes into it, Huffman-coded where that is shorter; so a fresh value in each call
// pushes the others out, which then come again. C-core: the head of the call is in the table, metadata are literals
// outside it, names included, nothing is Huffman-coded; and a deadline goes into the table, so that one of its last five
// is named again by a deadline up to 3 % shorter.
import { writeInteger } from '../../agent/http2/hpack-integer.ts';
import { encodeHuffman } from '../../agent/http2/huffman.ts';

export type PeerName = 'grpc-go' | 'c-core';

/** Entries of the static table that a gRPC request meets, exactly or by name (RFC 7541 appendix A). */
const staticExact = new Map([
  [':method\0POST', 3],
  [':scheme\0http', 6],
]);
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

interface Entry {
  readonly key: string;
  readonly name: string;
  readonly bytes: number;
}

export interface PeerField {
  readonly name: string;
  readonly value: string;
  /** It differs from call to call. */
  readonly varies: boolean;
}

export class PeerEncoder {
  readonly #peer: PeerName;
  readonly #entries: Entry[] = [];
  /** The newest entry of a field, and of a name, counted from the connection's first. */
  readonly #byField = new Map<string, number>();
  readonly #byName = new Map<string, number>();
  readonly #coded = new Map<string, Buffer>();
  /** C-core's last deadlines, oldest first. */
  #timeouts: { readonly amount: number; readonly entry: number }[] = [];
  #inserted = 0;
  #bytes = 0;
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

  /** Writes a block; answers where it ends. */
  encode(fields: readonly PeerField[], out: Buffer, start: number): number {
    let at = start;
    if (this.#announces) at = writeInteger(out, at, 0x20, 5, this.#maxBytes);
    this.#announces = false;
    for (const field of fields) at = this.#field(field, out, at);
    return at;
  }

  #field(field: PeerField, out: Buffer, at: number): number {
    const { name, value } = field;
    if (this.#peer === 'c-core' && name === 'grpc-timeout') return this.#coreTimeout(field, out, at);
    const key = `${name}\0${value}`;
    const known = staticExact.get(key) ?? this.#indexOf(this.#byField.get(key));
    if (known !== undefined) return writeInteger(out, at, 0x80, 7, known);
    if (this.#peer === 'c-core') return this.#coreLiteral(field, !field.varies, out, at);
    const nameIndex = staticNames.get(name) ?? this.#indexOf(this.#byName.get(name)) ?? 0;
    let end = writeInteger(out, at, 0x40, 6, nameIndex);
    if (nameIndex === 0) end = this.#codedText(name, out, end, true);
    end = this.#codedText(value, out, end, !field.varies);
    this.#insert(name, key);
    return end;
  }

  #coreLiteral({ name, value }: PeerField, isInserted: boolean, out: Buffer, at: number): number {
    out[at] = isInserted ? 0x40 : 0;
    const end = plainText(value, out, plainText(name, out, at + 1));
    if (isInserted) this.#insert(name, `${name}\0${value}`);
    return end;
  }

  #coreTimeout(field: PeerField, out: Buffer, at: number): number {
    const amount = Number.parseInt(field.value, 10);
    const oldest = this.#inserted - this.#entries.length;
    this.#timeouts = this.#timeouts.filter(({ entry }) => entry >= oldest);
    const known = this.#timeouts.find((former) => amount <= former.amount && amount > 0.97 * former.amount);
    if (known !== undefined) return writeInteger(out, at, 0x80, 7, staticEntries + this.#inserted - known.entry);
    this.#timeouts.push({ amount, entry: this.#inserted });
    if (this.#timeouts.length > coreTimeouts) this.#timeouts.shift();
    return this.#coreLiteral(field, true, out, at);
  }

  #codedText(text: string, out: Buffer, at: number, comesAgain: boolean): number {
    const coded = this.#huffman(text, comesAgain);
    if (coded.length >= text.length) return plainText(text, out, at);
    const end = writeInteger(out, at, 0x80, 7, coded.length);
    return end + coded.copy(out, end);
  }

  #huffman(text: string, comesAgain: boolean): Buffer {
    const kept = this.#coded.get(text);
    if (kept !== undefined) return kept;
    const coded = encodeHuffman(Buffer.from(text, 'latin1'));
    if (comesAgain) this.#coded.set(text, coded);
    return coded;
  }

  #indexOf(entry: number | undefined): number | undefined {
    return entry === undefined ? undefined : staticEntries + this.#inserted - entry;
  }

  #insert(name: string, key: string): void {
    // The key has one byte between name and value.
    const entry = { key, name, bytes: key.length - 1 + entryOverhead };
    while (this.#entries.length > 0 && this.#bytes + entry.bytes > this.#maxBytes) this.#evict();
    if (entry.bytes > this.#maxBytes) return;
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    this.#byField.set(entry.key, this.#inserted);
    this.#byName.set(entry.name, this.#inserted);
    this.#inserted++;
  }

  #evict(): void {
    const oldest = this.#inserted - this.#entries.length;
    const entry = this.#entries.shift();
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    if (this.#byField.get(entry.key) === oldest) this.#byField.delete(entry.key);
    if (this.#byName.get(entry.name) === oldest) this.#byName.delete(entry.name);
  }
}

function plainText(text: string, out: Buffer, at: number): number {
  const end = writeInteger(out, at, 0, 7, text.length);
  return end + out.write(text, end, 'latin1');
}
