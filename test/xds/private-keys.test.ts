// Private keys in messages are found and masked, whatever is around them.
import test from 'ava';
import { holdsPrivateKey, maskPrivateKeys } from '../../xds/private-keys.ts';

const block = (what: string, content: string) => `-----BEGIN ${what}-----\n${content}\n-----END ${what}-----\n`;

test('only what is between the marks of a private key is masked, and no byte is added or taken', (t) => {
  const certificate = block('CERTIFICATE', 'MIIB');
  const keys = ['PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'].map((what) => block(what, 'SECRET'));
  const text = `before ${certificate}${keys.join(certificate)} after`;
  const masked = Buffer.from(maskPrivateKeys(Buffer.from(text))).toString();
  t.is(masked.length, text.length);
  t.is(masked.replace(/-----x+-----/g, '-----\nSECRET\n-----'), text);
});

test('what has no key comes back as it is, and one that is cut off is masked to the end', (t) => {
  const plain = Buffer.from(block('CERTIFICATE', 'MIIB'));
  t.is(maskPrivateKeys(plain), plain);
  t.false(holdsPrivateKey(plain));
  const cut = Buffer.from('-----BEGIN PRIVATE KEY-----\nSECRET');
  t.is(Buffer.from(maskPrivateKeys(cut)).toString(), '-----BEGIN PRIVATE KEY-----xxxxxxx');
});
