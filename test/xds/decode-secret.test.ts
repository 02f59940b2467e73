// Secrets as SDS sends them.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { decode, errorsOf, modelOf } from './decoding.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');
const chain = { inline_string: pem('server') };
const key = { inline_bytes: Buffer.from(pem('server-key')) };

test('a certificate with its key, and roots with the names that count', (t) => {
  t.deepEqual(modelOf('secret', { name: 's', tls_certificate: { certificate_chain: chain, private_key: key } }), {
    kind: 'certificate',
    name: 's',
    certificateChainPem: pem('server'),
    privateKeyPem: pem('server-key'),
  });
  const context = {
    trusted_ca: { inline_string: pem('ca') },
    match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { safe_regex: { regex: 'spiffe://.*' } } }],
  };
  t.deepEqual(modelOf('secret', { name: 'ROOTCA', validation_context: context }), {
    kind: 'validation',
    name: 'ROOTCA',
    trustedCaPem: pem('ca'),
    subjectAltNames: [{ kind: 'uri', match: { kind: 'regex', value: 'spiffe://.*' } }],
  });
});

test('secrets of other kinds are taken, and say why they are of no use', (t) => {
  const cases: readonly (readonly [object, string])[] = [
    [{ generic_secret: { secret: { inline_string: 'x' } } }, 'generic_secret: of no use for TLS'],
    [{ session_ticket_keys: {} }, 'session_ticket_keys: of no use here, sessions are not shared'],
    [
      { tls_certificate: { certificate_chain: chain, private_key: key, password: { inline_string: 'p' } } },
      'tls_certificate.password: encrypted private keys are not supported',
    ],
    [
      { validation_context: { crl: { inline_string: 'x' } } },
      'validation_context.crl: revocation lists are not supported',
    ],
  ];
  for (const [fields, reason] of cases) {
    t.deepEqual(modelOf('secret', { name: 's', ...fields }), { kind: 'opaque', name: 's', reason });
  }
});

const problems: readonly (readonly [string, object, readonly string[]])[] = [
  ['no name', { tls_certificate: { certificate_chain: chain, private_key: key } }, ['name: must not be empty']],
  ['nothing in it', { name: 's' }, ['no secret that we know is set']],
  [
    'half a certificate',
    { name: 's', tls_certificate: { certificate_chain: chain } },
    ['tls_certificate.private_key: required'],
  ],
  [
    'a key of another certificate',
    { name: 's', tls_certificate: { certificate_chain: chain, private_key: { inline_string: pem('client-key') } } },
    ['tls_certificate.private_key: is not the one of the certificate'],
  ],
  [
    'a chain whose second certificate is none',
    {
      name: 's',
      tls_certificate: {
        certificate_chain: {
          inline_string: `${pem('server')}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
        },
        private_key: key,
      },
    },
    ['tls_certificate.certificate_chain: has something behind the first certificate that is none'],
  ],
  [
    'text that is neither',
    {
      name: 's',
      tls_certificate: { certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'KEY' } },
    },
    [
      'tls_certificate.certificate_chain: is not a certificate in PEM',
      'tls_certificate.private_key: is not a private key in PEM',
    ],
  ],
  [
    'roots that are none',
    { name: 's', validation_context: { trusted_ca: { inline_string: 'x' } } },
    ['validation_context.trusted_ca: is not a certificate in PEM'],
  ],
  [
    'a regex that is none',
    { name: 's', validation_context: { match_subject_alt_names: [{ safe_regex: { regex: '(' } }] } },
    [
      'validation_context.match_subject_alt_names[0].safe_regex.regex: ' +
        'not a valid RE2 expression: error parsing regexp: missing closing ): `(`',
    ],
  ],
];

for (const [what, message, expected] of problems) {
  test(`secret, ${what}: refused, naming the field`, (t) => t.deepEqual(errorsOf('secret', message), expected));
}

test('a file that a secret names is read by the function that is passed in', (t) => {
  const message = { name: 's', validation_context: { trusted_ca: { filename: '/ca.pem' } } };
  const readFile = (path: string) => (path === '/ca.pem' ? pem('ca') : '');
  const result = decode('secret', message, { readFile });
  t.like(result, { resource: { value: { trustedCaPem: pem('ca') } } });
});
