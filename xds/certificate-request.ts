// A key of our own, and the request to have it signed: PKCS#10 (RFC 2986) for one URI, as SPIFFE identities are
// (X.509-SVID section 2). DER is written here, as far as that takes: nine kinds of value, each a tag, a length, a content.
import { generateKeyPairSync, sign } from 'node:crypto';

export interface CertificateRequest {
  /** PKCS#8, ECDSA on P-256. Never leaves the process. */
  readonly privateKeyPem: string;
  readonly requestPem: string;
}

/** @param uri what the certificate is to be for: `spiffe://trust.domain/path`. */
export function createCertificateRequest(uri: string): CertificateRequest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = sequence(
    integer(0),
    // The subject is in the extension alone.
    sequence(),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(0, sequence(oid(extensionRequest), set(sequence(subjectAltName(uri))))),
  );
  const request = sequence(info, sequence(oid(ecdsaWithSha256)), bitString(sign('sha256', info, privateKey)));
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    requestPem: pem('CERTIFICATE REQUEST', request),
  };
}

/** pkcs-9-at-extensionRequest (RFC 2985 section 5.4.2). */
const extensionRequest = [1, 2, 840, 113_549, 1, 9, 14] as const;
/** RFC 5758 section 3.2. */
const ecdsaWithSha256 = [1, 2, 840, 10_045, 4, 3, 2] as const;
/** RFC 5280 section 4.2.1.6. */
const subjectAltNameId = [2, 5, 29, 17] as const;

/** Critical, since the subject is empty. */
function subjectAltName(uri: string): Buffer {
  const uniformResourceIdentifier = tagged(0x86, Buffer.from(uri, 'latin1'));
  return sequence(oid(subjectAltNameId), boolean(true), octetString(sequence(uniformResourceIdentifier)));
}

function sequence(...members: readonly Buffer[]): Buffer {
  return tagged(0x30, ...members);
}

function set(...members: readonly Buffer[]): Buffer {
  return tagged(0x31, ...members);
}

function explicit(number: number, member: Buffer): Buffer {
  return tagged(0xa0 + number, member);
}

/** 0 to 127. */
function integer(value: number): Buffer {
  return tagged(0x02, Buffer.of(value));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

function octetString(content: Buffer): Buffer {
  return tagged(0x04, content);
}

/** Of whole bytes. */
function bitString(content: Buffer): Buffer {
  return tagged(0x03, Buffer.of(0), content);
}

function oid([first, second, ...rest]: readonly [number, number, ...number[]]): Buffer {
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function tagged(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), length(content.length), content]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes);
  const digits: number[] = [];
  for (let left = bytes; left > 0; left >>>= 8) digits.unshift(left & 0xff);
  return Buffer.of(0x80 | digits.length, ...digits);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
