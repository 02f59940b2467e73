// Protobuf's wire format, for the few messages that the agent reads and writes itself in a data plane.
// https://protobuf.dev/programming-guides/encoding/

export interface WireField {
  readonly number: number;
  /** Of a varint its value; of a length-delimited field its bytes, a view. Fixed-size fields are passed over. */
  readonly value: number | Uint8Array;
}

/** The fields of a message, in their order. @throws RangeError where the bytes are no message. */
export function* wireFields(bytes: Uint8Array): Generator<WireField> {
  const reader = new WireReader(bytes);
  while (reader.at < bytes.length) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, value: reader.varint() };
        break;
      case 1:
        reader.take(8);
        break;
      case 2:
        yield { number, value: reader.take(reader.varint()) };
        break;
      case 5:
        reader.take(4);
        break;
      default:
        throw new RangeError(`a field of wire type ${tag % 8} is none that is in use`);
    }
  }
}

class WireReader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Exact up to 2^53; above it no field that is read here has a meaning. */
  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw new RangeError('a number is cut off');
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    throw new RangeError('a number has more than 10 bytes');
  }

  take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError('a field is longer than its message');
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

/** A length-delimited field; a text is UTF-8. */
export function wireBytes(number: number, value: string | Uint8Array): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** `value`: 0 to 2^53. */
export function wireNumber(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
