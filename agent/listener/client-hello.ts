// What a client says of itself before TLS begins: the name it asks for and the protocols it speaks, read from its first
// bytes without ending its TLS (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3, RFC 7301 section 3.1).

export type FirstBytes =
  /** More bytes are needed to tell. */
  | { readonly kind: 'incomplete' }
  /** No TLS, or none that makes sense: whoever ends it will say so. */
  | { readonly kind: 'clear' }
  | {
      readonly kind: 'tls';
      /** Lower case; empty where none is asked for. */
      readonly serverName: string;
      /** In the client's order. */
      readonly applicationProtocols: readonly string[];
    };

/** A hello is a few hundred bytes, or a few thousand with keys of post-quantum exchanges. More is no hello. */
const maxHelloBytes = 16_384;

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const alpnExtension = 16;

const clear: FirstBytes = { kind: 'clear' };
const incomplete: FirstBytes = { kind: 'incomplete' };

/** @param bytes all that has come so far. */
export function readFirstBytes(bytes: Uint8Array): FirstBytes {
  if (bytes.length === 0) return incomplete;
  if (bytes[0] !== handshakeRecord) return clear;
  if (bytes.length < 6) return incomplete;
  // A record of TLS has 3 as its major version, and its first message is the hello.
  if (bytes[1] !== 3 || bytes[5] !== clientHello) return clear;
  const message = joinRecords(bytes);
  if (message === null) return bytes.length < maxHelloBytes ? incomplete : clear;
  return readHello(message) ?? clear;
}

/** The body of the first handshake message, which may span records; `null` while it is not whole. */
function joinRecords(bytes: Uint8Array): Uint8Array | null {
  const parts: Uint8Array[] = [];
  let length = 0;
  let at = 0;
  while (at + 5 <= bytes.length && bytes[at] === handshakeRecord) {
    const end = at + 5 + ((bytes[at + 3]! << 8) | bytes[at + 4]!);
    const part = bytes.subarray(at + 5, Math.min(end, bytes.length));
    parts.push(part);
    length += part.length;
    if (length >= 4) {
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      const whole = 4 + ((all[1]! << 16) | (all[2]! << 8) | all[3]!);
      if (length >= whole) return all.subarray(4, whole);
    }
    at = end;
  }
  return null;
}

/** Reads one field after the other; `null` once there is less than it says. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(size: 1 | 2): number | null {
    if (this.#at + size > this.#bytes.length) return null;
    let value = 0;
    for (let i = 0; i < size; i++) value = (value << 8) | this.#bytes[this.#at++]!;
    return value;
  }

  take(length: number | null): Uint8Array | null {
    if (length === null || this.#at + length > this.#bytes.length) return null;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** What follows its own length. */
  vector(size: 1 | 2): Uint8Array | null {
    return this.take(this.number(size));
  }
}

function readHello(message: Uint8Array): FirstBytes | null {
  const reader = new Reader(message);
  // Version and random; session, cipher suites and compression as vectors.
  if (reader.take(34) === null || reader.vector(1) === null) return null;
  if (reader.vector(2) === null || reader.vector(1) === null) return null;
  let serverName = '';
  let applicationProtocols: readonly string[] = [];
  const extensions = reader.isDone ? new Uint8Array(0) : reader.vector(2);
  if (extensions === null) return null;
  const list = new Reader(extensions);
  while (!list.isDone) {
    const type = list.number(2);
    const body = list.vector(2);
    if (type === null || body === null) return null;
    if (type === serverNameExtension) serverName = readServerName(body);
    else if (type === alpnExtension) applicationProtocols = readProtocols(body);
  }
  return { kind: 'tls', serverName, applicationProtocols };
}

/** The first host name of the list. */
function readServerName(body: Uint8Array): string {
  const list = new Reader(new Reader(body).vector(2) ?? new Uint8Array(0));
  while (!list.isDone) {
    const type = list.number(1);
    const name = list.vector(2);
    if (name === null) return '';
    if (type === 0) return Buffer.from(name).toString('latin1').toLowerCase();
  }
  return '';
}

function readProtocols(body: Uint8Array): string[] {
  const list = new Reader(new Reader(body).vector(2) ?? new Uint8Array(0));
  const protocols: string[] = [];
  while (!list.isDone) {
    const name = list.vector(1);
    if (name === null) break;
    protocols.push(Buffer.from(name).toString('latin1'));
  }
  return protocols;
}
