// Which certificates carry a name that was asked for; the names are spelled as Node spells them.
import test from 'ava';
import { compileCertificateNames } from '../../agent/grpc/certificate-names.ts';
import type { SubjectAltName } from '../../xds/model/tls.ts';

function exact(kind: SubjectAltName['kind'], value: string, ignoreCase = false): SubjectAltName {
  return { kind, match: { kind: 'exact', value, ignoreCase } };
}

const names = 'DNS:shop.test, URI:spiffe://mesh/ns/a/sa/b, IP Address:10.0.0.1, email:ops@shop.test';

const cases: readonly (readonly [SubjectAltName, string, boolean])[] = [
  [exact('dns', 'shop.test'), names, true],
  [exact('dns', 'SHOP.test'), names, false],
  [exact('dns', 'SHOP.test', true), names, true],
  [exact('uri', 'spiffe://mesh/ns/a/sa/b'), names, true],
  [exact('dns', 'spiffe://mesh/ns/a/sa/b'), names, false],
  [exact('any', 'spiffe://mesh/ns/a/sa/b'), names, true],
  [exact('ip', '10.0.0.1'), names, true],
  [exact('email', 'ops@shop.test'), names, true],
  [exact('ip', '2001:db8::7'), 'IP Address:2001:DB8:0:0:0:0:0:7', true],
  [{ kind: 'uri', match: { kind: 'prefix', value: 'spiffe://mesh/', ignoreCase: false } }, names, true],
  [{ kind: 'uri', match: { kind: 'regex', value: 'spiffe://mesh/ns/a/.*' } }, names, true],
  // A regex takes the whole name.
  [{ kind: 'uri', match: { kind: 'regex', value: 'spiffe://mesh/ns' } }, names, false],
  // One name that looks like two must not be taken for the second (CVE-2021-44532).
  [exact('dns', 'evil.test'), 'DNS:"shop.test, DNS:evil.test"', false],
  [exact('uri', 'http://a/, DNS:b'), 'URI:"http://a/, DNS:b"', true],
  [exact('dns', 'b'), 'URI:"http://a/, DNS:b"', false],
  [exact('dns', ''), '', false],
];

for (const [wanted, held, isTaken] of cases) {
  test(`${wanted.kind} ${JSON.stringify(wanted.match)} ${isTaken ? 'takes' : 'does not take'} ${held}`, (t) => {
    t.is(compileCertificateNames([wanted])(held) === null, isTaken);
  });
}

test('one of several is enough, and a refusal says what was asked for', (t) => {
  const check = compileCertificateNames([exact('dns', 'a'), exact('uri', 'b:c')]);
  t.is(check('DNS:a'), null);
  t.is(check('URI:b:c'), null);
  t.is(check('DNS:x'), 'a name in its certificate must be "a" or be "b:c", and none does');
});
