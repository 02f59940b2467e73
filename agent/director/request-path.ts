// `:path` in its parts, and rules about them. Matching is byte by byte: nothing is decoded, merged or normalised
// (envoy-behaviours 2.1).
import type { PathMatch, QueryParameterMatcher, RouteMatch } from '../../xds/model/route.ts';
import { asciiLower, byteText, quoteText } from '../grpc/byte-text.ts';
import {
  compileRegex,
  compileStringMatch,
  describeStringMatch,
  ignoringCase,
  MAX_REGEX_INPUT,
  type TextTest,
} from '../grpc/string-match.ts';

export interface RequestPath {
  /** Without the query. */
  readonly path: string;
  /** Behind the question mark; `null` when there is none. */
  readonly query: string | null;
}

export function splitPath(text: string): RequestPath {
  const at = text.indexOf('?');
  return at === -1 ? { path: text, query: null } : { path: text.slice(0, at), query: text.slice(at + 1) };
}

export function compilePathMatch({ path, caseSensitive }: Pick<RouteMatch, 'path' | 'caseSensitive'>): TextTest {
  if (path.kind === 'regex') return compileRegex(path.value);
  const text = byteText(path.value);
  if (caseSensitive) return compileText(path.kind, text);
  const test = compileText(path.kind, asciiLower(text));
  return (value) => test(asciiLower(value));
}

/** As in "the path must …". */
export function describePathMatch({ path, caseSensitive }: Pick<RouteMatch, 'path' | 'caseSensitive'>): string {
  const value = quoteText(path.value);
  switch (path.kind) {
    case 'exact':
      return `be ${value}${ignoringCase(!caseSensitive)}`;
    case 'prefix':
      return `begin with ${value}${ignoringCase(!caseSensitive)}`;
    case 'separated-prefix':
      return `be ${value} or lie below it${ignoringCase(!caseSensitive)}`;
    case 'regex':
      return `match the regex ${value} (and have at most ${MAX_REGEX_INPUT} bytes)`;
  }
}

function compileText(kind: Exclude<PathMatch['kind'], 'regex'>, text: string): TextTest {
  switch (kind) {
    case 'exact':
      return (path) => path === text;
    case 'prefix':
      return (path) => path.startsWith(text);
    case 'separated-prefix':
      return (path) => path.startsWith(text) && (path.length === text.length || path[text.length] === '/');
  }
}

export interface QueryTest {
  readonly holds: (query: string | null) => boolean;
  /** As in "it must …". */
  readonly requirement: string;
}

/** Names are compared with their case, nothing is percent-decoded, the first of a repeated name counts (2.6). */
export function compileQueryParameter({ name, match }: QueryParameterMatcher): QueryTest {
  const text = byteText(name);
  const subject = `have a query parameter ${quoteText(name)}`;
  if (match.kind === 'present') {
    return {
      holds: (query) => (queryValue(query, text) !== null) === match.value,
      requirement: match.value ? subject : `not ${subject}`,
    };
  }
  const test = compileStringMatch(match);
  return {
    holds: (query) => {
      const value = queryValue(query, text);
      return value !== null && test(value);
    },
    requirement: `${subject}, which must ${describeStringMatch(match)}`,
  };
}

export function queryValue(query: string | null, name: string): string | null {
  if (query === null) return null;
  for (const part of query.split('&')) {
    if (part === name) return '';
    if (part.startsWith(name) && part[name.length] === '=') return part.slice(name.length + 1);
  }
  return null;
}
