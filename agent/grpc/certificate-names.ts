// Whether the names in a certificate are ones that a configuration asks for
// (envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher).
import { isIP, SocketAddress } from 'node:net';
import type { SubjectAltName } from '../../xds/model/tls.ts';
import { compileStringMatch, describeStringMatch } from './string-match.ts';

interface CertificateName {
  readonly kind: SubjectAltName['kind'];
  readonly value: string;
}

/** As Node calls them in `subjectAltName`. */
const kinds: Readonly<Record<string, CertificateName['kind']>> = {
  DNS: 'dns',
  URI: 'uri',
  email: 'email',
  'IP Address': 'ip',
};

/** Why a certificate with these names is not taken, as a clause; `null`: it carries one that is asked for. */
export type CertificateNameCheck = (subjectAltName: string) => string | null;

/** `wanted`: one at least. The check takes the names as Node writes them: `DNS:a, URI:spiffe://b/c`. */
export function compileCertificateNames(wanted: readonly SubjectAltName[]): CertificateNameCheck {
  const tests = wanted.map(({ kind, match }) => ({ kind, test: compileStringMatch(match) }));
  const rules = wanted.map(({ match }) => describeStringMatch(match)).join(' or ');
  const refusal = `a name in its certificate must ${rules}, and none does`;
  return (subjectAltName) => {
    const names = readNames(subjectAltName);
    const isNamed = tests.some(({ kind, test }) =>
      names.some((name) => (kind === 'any' || kind === name.kind) && test(name.value)),
    );
    return isNamed ? null : refusal;
  };
}

function readNames(text: string): CertificateName[] {
  // Names that hold a comma are written as JSON strings.
  const parts = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return parts.flatMap((part): CertificateName[] => {
    const colon = part.indexOf(':');
    const kind = kinds[part.slice(0, colon).trim()];
    return kind === undefined ? [] : [{ kind, value: plainValue(kind, part.slice(colon + 1)) }];
  });
}

function plainValue(kind: CertificateName['kind'], text: string): string {
  const value = text.startsWith('"') ? unquote(text) : text;
  // One spelling for each address, the one that Envoy compares by.
  return kind === 'ip' && isIP(value) === 6 ? new SocketAddress({ address: value, family: 'ipv6' }).address : value;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
