// Routing as one would write it first: every domain, every route and every matcher looked at in turn, on plain fields.
// The compiled table is held against it.
import type { HeaderMatcher, StringMatch } from '../../xds/model/matcher.ts';
import type { QueryParameterMatcher, Route, RouteConfiguration } from '../../xds/model/route.ts';

export interface PlainCall {
  readonly path: string;
  readonly authority: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** `random` as the table gets it, the same for each draw. The cluster, `local`, or the gRPC status of the rejection. */
export function scanRoutes(config: RouteConfiguration, call: PlainCall, random: number): string | number {
  if (call.path.includes('#')) return 13;
  const authority = config.ignorePortInHostMatching ? call.authority.replace(/:\d+$/, '') : call.authority;
  let best: { rank: number; routes: readonly Route[] } | null = null;
  for (const { domains, routes } of config.virtualHosts) {
    for (const domain of domains) {
      const rank = rankOf(domain.toLowerCase(), authority.toLowerCase());
      if (rank > (best?.rank ?? 0)) best = { rank, routes };
    }
  }
  const taking = best?.routes.find((route) => takes(route, call, random));
  if (taking === undefined) return 12;
  const { action } = taking;
  if (action.kind === 'non-forwarding') return 'local';
  if (action.kind === 'reject') return action.status;
  if (action.kind === 'direct-response') return { 400: 13, 403: 7, 503: 14 }[action.status] ?? 2;
  if (action.kind === 'unsupported' || action.kind === 'redirect' || 'field' in action.clusters) return 14;
  let left = random * action.clusters.reduce((sum, { weight }) => sum + weight, 0);
  for (const { name, weight } of action.clusters) {
    if (left < weight) return name;
    left -= weight;
  }
  throw new Error('the weights of a route sum to 1 or more');
}

/** 0: no match; otherwise the higher the better. */
function rankOf(domain: string, authority: string): number {
  if (domain === authority) return 3_000;
  if (domain === '*') return 1;
  if (authority.length < domain.length) return 0;
  if (domain.startsWith('*')) return authority.endsWith(domain.slice(1)) ? 2_000 + domain.length : 0;
  return domain.endsWith('*') && authority.startsWith(domain.slice(0, -1)) ? 1_000 + domain.length : 0;
}

function takes({ match }: Route, call: PlainCall, random: number): boolean {
  const cut = call.path.indexOf('?');
  const fold = (text: string): string => (match.caseSensitive ? text : text.toLowerCase());
  const path = cut === -1 ? call.path : call.path.slice(0, cut);
  const [is, rule] = [fold(path), fold(match.path.value)];
  const contentType = call.fields.find(([name]) => name === 'content-type')?.[1] ?? '';
  const { runtimeFraction } = match;
  return (
    {
      exact: is === rule,
      prefix: is.startsWith(rule),
      'separated-prefix': is === rule || is.startsWith(`${rule}/`),
      regex: match.path.kind === 'regex' && new RegExp(`^(?:${match.path.value})$`).test(path),
    }[match.path.kind] &&
    (!match.grpcOnly || /^application\/grpc(?:\+.*)?$/.test(contentType)) &&
    match.queryParameters.every((parameter) =>
      holdsInQuery(parameter, cut === -1 ? [] : call.path.slice(cut + 1).split('&')),
    ) &&
    match.headers.every((matcher) => holdsInFields(matcher, call)) &&
    (runtimeFraction === null || random < runtimeFraction.numerator / runtimeFraction.denominator)
  );
}

function holdsInQuery({ name, match }: QueryParameterMatcher, parts: readonly string[]): boolean {
  const pairs = parts.map((part) => (part.includes('=') ? part : `${part}=`));
  const value = pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
  if (match.kind === 'present') return (value !== undefined) === match.value;
  return value !== undefined && matches(match, value);
}

function holdsInFields({ name, match, invert, treatMissingAsEmpty }: HeaderMatcher, call: PlainCall): boolean {
  let values = call.fields.filter(([of]) => of === name).map(([, value]) => value);
  if (name === 'host' || name === ':authority') values = call.authority === '' ? [] : [call.authority];
  if (name.endsWith('-bin')) values = [];
  if (name === 'content-type' && /^application\/grpc(?:[+;].*)?$/.test(values[0] ?? '')) values = ['application/grpc'];
  if (match.kind === 'present') return (values.length > 0 === match.value) !== invert;
  if (values.length === 0 && treatMissingAsEmpty) values = [''];
  if (values.length === 0) return false;
  const holds = values.some((value) =>
    match.kind === 'range'
      ? /^[+-]?\d+$/.test(value) && Number(value) >= match.start && Number(value) < match.end
      : matches(match, value),
  );
  return holds !== invert;
}

function matches(match: StringMatch, value: string): boolean {
  if (match.kind === 'regex') return new RegExp(`^(?:${match.value})$`).test(value);
  const [is, rule] = match.ignoreCase ? [value.toLowerCase(), match.value.toLowerCase()] : [value, match.value];
  return {
    exact: is === rule,
    prefix: is.startsWith(rule),
    suffix: is.endsWith(rule),
    contains: is.includes(rule),
  }[match.kind];
}
