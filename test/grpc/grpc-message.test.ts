// The percent coding of grpc-message (reference http2.md 70, PROTOCOL-HTTP2.md).
import test from 'ava';
import fc from 'fast-check';
import { decodeGrpcMessage, encodeGrpcMessage } from '../../agent/grpc/grpc-message.ts';

test('(70) printable ASCII stands for itself, but for the percent sign', (t) => {
  const plain = Array.from({ length: 95 }, (_, at) => String.fromCharCode(0x7e - at)).join('');
  t.is(encodeGrpcMessage(`${plain}.`), `${plain.replace('%', '%25')}.`);
});

test('a space at an edge is coded: no value may begin or end with one (RFC 9113 section 8.2.1)', (t) => {
  t.is(encodeGrpcMessage(' a '), '%20a%20');
  t.is(encodeGrpcMessage('  '), '%20%20');
  t.is(encodeGrpcMessage(' '), '%20');
  t.is(encodeGrpcMessage('ü  '), '%C3%BC %20');
  t.is(decodeGrpcMessage(encodeGrpcMessage(' ü ')), ' ü ');
});

test('(70) all other bytes of the UTF-8 text are percent-coded in upper case (envoy-behaviours 6.2)', (t) => {
  t.is(encodeGrpcMessage('100%\n'), '100%25%0A');
  t.is(encodeGrpcMessage('\t ü 😈'), '%09 %C3%BC %F0%9F%98%88');
  t.is(encodeGrpcMessage('\x7f'), '%7F');
});

test("gRPC's own special status message survives the way (interop special_status_message)", (t) => {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  t.is(decodeGrpcMessage(encodeGrpcMessage(message)), message);
});

test('(70) a percent sign without two hex digits behind it stays as it came', (t) => {
  t.is(decodeGrpcMessage('100%'), '100%');
  t.is(decodeGrpcMessage('%4'), '%4');
  t.is(decodeGrpcMessage('%zz%41%4g'), '%zzA%4g');
});

test('bytes that are no UTF-8 are replaced, not lost with the rest', (t) => {
  t.is(decodeGrpcMessage('a%FFb'), 'a\ufffdb');
  t.is(decodeGrpcMessage('a\xffb'), 'a\ufffdb');
});

test('a message of ours that no client would take is cut between characters', (t) => {
  const encoded = encodeGrpcMessage('😈'.repeat(10_000));
  t.true(encoded.length <= 4_096);
  t.regex(encoded, /^(?:%F0%9F%98%88)+\.\.\.$/);
  t.is(encodeGrpcMessage('x'.repeat(4_097)).length, 4_096);
  t.is(encodeGrpcMessage('x'.repeat(4_096)), 'x'.repeat(4_096));
});

test('any text survives coding and decoding, and is printable ASCII between', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (message) => {
      const encoded = encodeGrpcMessage(message);
      t.regex(encoded, /^[ -~]*$/);
      t.is(decodeGrpcMessage(encoded), message);
    }),
    { seed: 6, interruptAfterTimeLimit: 1_000 },
  );
});
