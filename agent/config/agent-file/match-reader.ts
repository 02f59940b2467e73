// `match` of a route.
import { regexProblem } from '../../../xds/decode/scalars.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';
import { type AuthorityMatch, anyName, type CallMatch, type HeaderMatch, type NameMatch } from './call-match.ts';

const anyCall: CallMatch = { service: anyName, method: anyName, authorities: [], headers: [] };

/** After a problem was noted the result does not matter. */
export function readMatch(reader: YamlReader, place: YamlPlace | undefined): CallMatch {
  if (place === undefined) return anyCall;
  const { service, method, authority, headers } = reader.fields(place, ['service', 'method', 'authority', 'headers']);
  return {
    service: service === undefined ? anyName : readService(reader, service),
    method: method === undefined ? anyName : readMethod(reader, method),
    authorities: authority === undefined ? [] : readAuthorities(reader, authority),
    headers: headers === undefined ? [] : reader.entries(headers).flatMap((entry) => readHeader(reader, entry) ?? []),
  };
}

function readService(reader: YamlReader, place: YamlPlace): NameMatch {
  const text = reader.text(place);
  if (text === null || text === '*') return anyName;
  const name = text.endsWith('*') ? text.slice(0, -1) : text;
  const kind = text === name ? 'exact' : 'prefix';
  if (/^[A-Za-z0-9_.]+$/.test(name) && !name.startsWith('.')) return { kind, value: name };
  const example = text.includes('/') ? '; its methods stand in "method"' : '';
  reader.problem(place, `"${text}" is no service; write package.Service, or package.* for all of a package${example}`);
  return anyName;
}

function readMethod(reader: YamlReader, place: YamlPlace): NameMatch {
  const text = reader.text(place);
  if (text === null || text === '*') return anyName;
  const name = text.endsWith('*') ? text.slice(0, -1) : text;
  if (/^[A-Za-z0-9_]+$/.test(name)) return { kind: text === name ? 'exact' : 'prefix', value: name };
  reader.problem(place, `"${text}" is no method; write GetCart, or Get* for all that begin so`);
  return anyName;
}

function readAuthorities(reader: YamlReader, place: YamlPlace): AuthorityMatch[] {
  const places = reader.isList(place) ? reader.items(place) : [place];
  if (places.length === 0) reader.problem(place, 'an empty list matches no call');
  return places.flatMap((item) => {
    const text = reader.text(item);
    if (text === null) return [];
    const found = /^(\*(?=\.))?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?$/.exec(text.toLowerCase());
    if (found === null || found[2] === undefined) {
      const forms = 'a host, host:port, *.domain, or a list of them';
      reader.problem(item, `"${text}" is no authority; write ${forms}`);
      return [];
    }
    return { kind: found[1] === undefined ? 'exact' : 'suffix', host: found[2], port: found[3] ?? null };
  });
}

const waysToMatch = ['exact', 'prefix', 'regex', 'present'] as const;

/** `name: text`, or `name: { prefix: text }` and the like. */
function readHeader(reader: YamlReader, entry: YamlEntry): HeaderMatch | null {
  const name = entry.key.toLowerCase();
  if (!/^[a-z0-9_.-]+$/.test(name) || name.endsWith('-bin')) {
    reader.problem(entry.keyPlace, `"${entry.key}" is no name of a text header`);
    return null;
  }
  if (!reader.isMap(entry)) {
    const value = reader.text(entry);
    return value === null ? null : { name, match: { kind: 'exact', value } };
  }
  const fields = reader.fields(entry, waysToMatch);
  const [kind, ...others] = waysToMatch.filter((way) => fields[way] !== undefined);
  const value = kind === undefined ? undefined : fields[kind];
  if (kind === undefined || value === undefined || others.length > 0) {
    reader.problem(entry, `a header is matched in one way: ${waysToMatch.join(', ')}`);
    return null;
  }
  if (kind === 'present') {
    const isPresent = reader.boolean(value);
    return isPresent === null ? null : { name, match: { kind, value: isPresent } };
  }
  const text = reader.text(value);
  if (text === null) return null;
  const problem = kind === 'regex' ? regexProblem(text) : null;
  if (problem !== null) reader.problem(value, problem);
  return { name, match: { kind, value: text } };
}
