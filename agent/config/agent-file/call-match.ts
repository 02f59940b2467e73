// Which calls a route is for: what `match` says, whether another route leaves it any, and what xDS makes of it.
import type { HeaderMatcher, StringMatch } from '../../../xds/model/matcher.ts';
import { anyCall, type PathMatch, type RouteMatch } from '../../../xds/model/route.ts';

export interface CallMatch {
  readonly service: NameMatch;
  readonly method: NameMatch;
  /** One must hold; empty: any authority. */
  readonly authorities: readonly AuthorityMatch[];
  /** All must hold; names in lower case. */
  readonly headers: readonly HeaderMatch[];
}

/** `prefix` of an empty text is any name. */
export interface NameMatch {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

/** Lower case. A `suffix` begins with a dot; `port` `null`: with any port and without. */
export interface AuthorityMatch {
  readonly kind: 'exact' | 'suffix';
  readonly host: string;
  readonly port: string | null;
}

export interface HeaderMatch {
  readonly name: string;
  readonly match:
    | { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string }
    | { readonly kind: 'present'; readonly value: boolean };
}

export const anyName: NameMatch = { kind: 'prefix', value: '' };

/** Whether every call that `narrow` takes is one that `wide` takes. It may say no where that is hard to tell (regexes). */
export function covers(wide: CallMatch, narrow: CallMatch): boolean {
  return (
    coversName(wide.service, narrow.service) &&
    coversName(wide.method, narrow.method) &&
    coversAuthorities(wide.authorities, narrow.authorities) &&
    wide.headers.every((header) => narrow.headers.some((other) => impliesHeader(other, header)))
  );
}

function coversName(wide: NameMatch, narrow: NameMatch): boolean {
  if (wide.kind === 'exact') return narrow.kind === 'exact' && narrow.value === wide.value;
  return narrow.value.startsWith(wide.value);
}

function coversAuthorities(wide: readonly AuthorityMatch[], narrow: readonly AuthorityMatch[]): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((one) => wide.some((other) => coversAuthority(other, one)));
}

function coversAuthority(wide: AuthorityMatch, narrow: AuthorityMatch): boolean {
  if (wide.port !== null && wide.port !== narrow.port) return false;
  if (wide.kind === 'exact') return narrow.kind === 'exact' && narrow.host === wide.host;
  return narrow.host.endsWith(wide.host);
}

function impliesHeader(one: HeaderMatch, other: HeaderMatch): boolean {
  if (one.name !== other.name) return false;
  const [a, b] = [one.match, other.match];
  if (a.kind === 'present' || b.kind === 'present') {
    const isThere = a.kind !== 'present' || a.value;
    return b.kind === 'present' && b.value === isThere;
  }
  if (b.kind === 'prefix') return a.kind !== 'regex' && a.value.startsWith(b.value);
  return a.kind === b.kind && a.value === b.value;
}

export function compileCallMatch({ service, method, authorities, headers }: CallMatch): RouteMatch {
  return {
    ...anyCall,
    path: compilePath(service, method),
    headers: [
      ...(authorities.length === 0 ? [] : [matcher(':authority', compileAuthorities(authorities))]),
      ...headers.map(({ name, match }) => matcher(name, compileHeader(match))),
    ],
  };
}

function compileHeader(match: HeaderMatch['match']): HeaderMatcher['match'] {
  switch (match.kind) {
    case 'exact':
    case 'prefix':
      return { kind: match.kind, value: match.value, ignoreCase: false };
    case 'regex':
      return { kind: match.kind, value: match.value };
    case 'present':
      return match;
  }
}

function matcher(name: string, match: HeaderMatcher['match']): HeaderMatcher {
  return { name, match, invert: false, treatMissingAsEmpty: false };
}

/** A regex only where nothing simpler says the same. */
function compilePath(service: NameMatch, method: NameMatch): PathMatch {
  const isAnyMethod = method.kind === 'prefix' && method.value === '';
  if (service.kind === 'exact') {
    return { kind: isAnyMethod ? 'prefix' : method.kind, value: `/${service.value}/${method.value}` };
  }
  if (isAnyMethod) return { kind: 'prefix', value: `/${service.value}` };
  const rest = method.kind === 'exact' ? '' : '[^/]*';
  return { kind: 'regex', value: `/${quoteRegex(service.value)}[^/]*/${quoteRegex(method.value)}${rest}` };
}

function compileAuthorities(authorities: readonly AuthorityMatch[]): StringMatch {
  const [first, ...others] = authorities;
  if (others.length === 0 && first?.kind === 'exact' && first.port !== null) {
    return { kind: 'exact', value: `${first.host}:${first.port}`, ignoreCase: true };
  }
  const texts = authorities.map(({ kind, host, port }) => {
    const before = kind === 'suffix' ? '[^:]+' : '';
    return `${before}${quoteRegex(host)}${port === null ? '(?::[0-9]+)?' : `:${port}`}`;
  });
  return { kind: 'regex', value: `(?i)(?:${texts.join('|')})` };
}

function quoteRegex(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}
