// What calls of the benchmarks carry, and where they go.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A gRPC message of 100 bytes: 5-byte prefix and payload. */
export const MESSAGE_BYTES = 105;
export const MEBIBYTE = 1_048_576;
export const METHOD_PATH = '/demo.catalogue.Catalogue/GetProduct';
/** Sent a message of 1 MiB, and answered with one. The ending tells nghttpd the content type. */
export const UPLOAD_PATH = '/demo.catalogue.Catalogue/PutImage.grpc';
export const DOWNLOAD_PATH = '/demo.catalogue.Catalogue/GetImage.grpc';
export const AUTHORITY = 'catalogue';
/** Messages that the server of streams answers a call with, 1 KiB each. */
export const STREAM_MESSAGES = 1000;

/** Files that h2load sends. */
export interface PayloadFiles {
  readonly message: string;
  readonly mebibyte: string;
}

/**
 * A gRPC message with its prefix. Its payload of `payloadBytes` is sound protobuf, one field of bytes that are `fill`,
 * since some proxies parse what they forward.
 */
export function grpcMessage(payloadBytes: number, fill: number): Buffer {
  const message = Buffer.alloc(payloadBytes + 5, fill);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(payloadBytes, 1);
  const lengthBytes = payloadBytes < 0x80 ? 1 : payloadBytes < 0x4000 ? 2 : 3;
  let length = payloadBytes - 1 - lengthBytes;
  // Field 1, of type length-delimited; its length as a varint.
  message[5] = 0x0a;
  for (let at = 0; at < lengthBytes; at++) {
    message[6 + at] = (length & 0x7f) | (at < lengthBytes - 1 ? 0x80 : 0);
    length >>= 7;
  }
  return message;
}

export function writePayloads(folder: string): PayloadFiles {
  const files = { message: join(folder, 'message.bin'), mebibyte: join(folder, 'mebibyte.bin') };
  writeFileSync(files.message, grpcMessage(MESSAGE_BYTES - 5, 0x61));
  writeFileSync(files.mebibyte, grpcMessage(MEBIBYTE, 0x61));
  return files;
}

/** Files that nghttpd answers with. Answers the path of the one that tells it content types. */
export function writeAnswers(folder: string): string {
  for (const [path, payload] of [
    [UPLOAD_PATH, MESSAGE_BYTES - 5],
    [DOWNLOAD_PATH, MEBIBYTE],
  ] as const) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, grpcMessage(payload, 0x62));
  }
  const types = join(folder, 'mime.types');
  writeFileSync(types, 'application/grpc grpc\n');
  return types;
}
