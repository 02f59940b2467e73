// PKCS#10 requests of our own (RFC 2986), read by openssl.
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import test from 'ava';
import { createCertificateRequest } from '../../xds/certificate-request.ts';
import { hasOpenssl } from '../support/certificate-authority.ts';

const opensslTest = hasOpenssl() ? test : test.skip;

/** What openssl says of it, its signature first. */
function describe(requestPem: string): string {
  const args = ['req', '-noout', '-text', '-verify', '-nameopt', 'RFC2253'];
  const { stdout, stderr } = spawnSync('openssl', args, { input: requestPem, encoding: 'utf8' });
  return `${stderr}${stdout}`;
}

opensslTest('openssl reads a request, and finds its signature, its key and the one name that it is for', (t) => {
  const uri = 'spiffe://cluster.local/ns/demo/sa/echo';
  const { requestPem, privateKeyPem } = createCertificateRequest(uri);
  const text = describe(requestPem);
  t.regex(text, /^Certificate request self-signature verify OK/);
  t.regex(text, /ASN1 OID: prime256v1/);
  t.regex(text, /Subject: *\n/, 'without a subject');
  t.regex(text, new RegExp(`X509v3 Subject Alternative Name: critical\\s+URI:${uri}\\n`));
  t.regex(text, /Signature Algorithm: ecdsa-with-SHA256/);
  t.is(createPrivateKey(privateKeyPem).asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

opensslTest('names whose lengths take one, two and three bytes', (t) => {
  for (const length of [20, 100, 130, 200, 260, 2000]) {
    const uri = `spiffe://mesh/${'a'.repeat(length)}`;
    t.true(describe(createCertificateRequest(uri).requestPem).includes(`URI:${uri}\n`), `${length} bytes`);
  }
});

test('each request is for a key of its own', (t) => {
  const keys = new Set([1, 2, 3].map(() => createCertificateRequest('spiffe://a/b').privateKeyPem));
  t.is(keys.size, 3);
});
