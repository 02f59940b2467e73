// What routes ask of calls; the mirror of decode/route-match.ts.
import type { HeaderMatcher } from '../model/matcher.ts';
import type { PathMatch, QueryParameterMatcher, RouteMatch } from '../model/route.ts';
import { encodeFraction, encodeStringMatch } from './values.ts';

export function encodeMatch(match: RouteMatch): object {
  return {
    ...encodePath(match.path),
    case_sensitive: match.caseSensitive ? null : { value: false },
    headers: match.headers.map(encodeHeaderMatcher),
    query_parameters: match.queryParameters.map(encodeQueryParameterMatcher),
    grpc: match.grpcOnly ? {} : null,
    runtime_fraction: match.runtimeFraction === null ? null : { default_value: encodeFraction(match.runtimeFraction) },
  };
}

function encodePath({ kind, value }: PathMatch): object {
  switch (kind) {
    case 'prefix':
      return { prefix: value };
    case 'exact':
      return { path: value };
    case 'regex':
      return { safe_regex: { regex: value } };
    case 'separated-prefix':
      return { path_separated_prefix: value };
  }
}

export function encodeHeaderMatcher({ name, match, invert, treatMissingAsEmpty }: HeaderMatcher): object {
  const rest = { name, invert_match: invert, treat_missing_header_as_empty: treatMissingAsEmpty };
  if (match.kind === 'range') return { ...rest, range_match: { start: match.start, end: match.end } };
  if (match.kind === 'present') return { ...rest, present_match: match.value };
  return { ...rest, string_match: encodeStringMatch(match) };
}

function encodeQueryParameterMatcher({ name, match }: QueryParameterMatcher): object {
  return match.kind === 'present'
    ? { name, present_match: match.value }
    : { name, string_match: encodeStringMatch(match) };
}
