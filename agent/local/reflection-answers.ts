// One request of server reflection and its answer (grpc.reflection.v1 and v1alpha, whose messages are the same), out of
// descriptor sets.
// https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
import type { DescriptorIndex } from '../grpc/descriptor-index.ts';
import { wireBytes, wireFields, wireNumber } from '../grpc/protobuf-wire.ts';
import { status } from '../grpc/status.ts';

/**
 * Both are serialised. What cannot be answered is told in the answer, as the protocol has it.
 * @throws RangeError where it is no request.
 */
export function answerReflection(index: DescriptorIndex, request: Uint8Array): Buffer {
  let answer = error(status.INVALID_ARGUMENT, 'the request asks for nothing');
  for (const { number, value } of wireFields(request)) {
    if (typeof value !== 'number' && number >= 3) answer = answerTo(index, number, value);
  }
  return Buffer.concat([wireBytes(2, request), answer]);
}

function answerTo(index: DescriptorIndex, number: number, value: Uint8Array): Buffer {
  const text = Buffer.from(value).toString('utf8');
  switch (number) {
    case 3:
      return files(index.fileNamed(text), `file ${text}`);
    case 4:
      return files(index.fileOf(text), `symbol ${text}`);
    case 5: {
      const { type, extension } = readExtension(value);
      return files(index.fileOfExtension(type, extension), `extension ${extension} of ${type}`);
    }
    case 6: {
      const numbers = index.extensionsOf(text);
      if (numbers === null) return notFound(`message ${text}`);
      return wireBytes(5, Buffer.concat([wireBytes(1, text), ...numbers.map((each) => wireNumber(2, each))]));
    }
    case 7:
      return wireBytes(6, Buffer.concat(index.services.map((name) => wireBytes(1, wireBytes(1, name)))));
    default:
      return error(status.UNIMPLEMENTED, `a request with field ${number} is not known`);
  }
}

function readExtension(bytes: Uint8Array): { readonly type: string; readonly extension: number } {
  let [type, extension] = ['', 0];
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1 && typeof value !== 'number') type = Buffer.from(value).toString('utf8');
    if (number === 2 && typeof value === 'number') extension = value;
  }
  return { type, extension };
}

function files(found: readonly Uint8Array[] | null, what: string): Buffer {
  if (found === null) return notFound(what);
  return wireBytes(4, Buffer.concat(found.map((file) => wireBytes(1, file))));
}

function notFound(what: string): Buffer {
  return error(status.NOT_FOUND, `no descriptor set of this listener holds the ${what}`);
}

function error(code: number, message: string): Buffer {
  return wireBytes(7, Buffer.concat([wireNumber(1, code), wireBytes(2, message)]));
}
