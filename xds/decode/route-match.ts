// RouteMatch -> RouteMatch of the model: path, headers, query, fraction.
import type { HeaderMatcher } from '../model/matcher.ts';
import type { PathMatch, QueryParameterMatcher, RouteMatch } from '../model/route.ts';
import type { HeaderMatcherMessage, QueryParameterMatcherMessage, RouteMatchMessage } from './route-messages.ts';
import { checkRegex, decodeFraction, decodeStringMatch } from './scalars.ts';
import type { Scope } from './validation.ts';

/** RFC 9110 section 5.6.2, and the pseudo-header fields of HTTP/2. */
const headerName = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * `null` where the match has a condition that we cannot test, or a problem: such a route must not be taken for one
 * that matches, so the caller leaves it out.
 */
export function decodeRouteMatch(message: RouteMatchMessage | null, scope: Scope): RouteMatch | null {
  if (message === null) {
    scope.fail('required');
    return null;
  }
  const path = decodePath(message, scope);
  const headers = message.headers.map((header, index) => decodeHeaderMatcher(header, scope.item('headers', index)));
  const queryParameters = message.query_parameters.map((parameter, index) =>
    decodeQueryParameter(parameter, scope.item('query_parameters', index)),
  );
  const fraction = message.runtime_fraction;
  const fractionScope = scope.at('runtime_fraction.default_value');
  if (fraction !== null && fraction.default_value === null) fractionScope.fail('required');
  const runtimeFraction = decodeFraction(fraction?.default_value ?? null, fractionScope);
  if (message.tls_context !== null) {
    scope.at('tls_context').unsupported('the route is left out: TLS of the client is not matched');
    return null;
  }
  if (message.dynamic_metadata.length > 0) {
    scope.at('dynamic_metadata').unsupported('the route is left out: metadata is not matched');
    return null;
  }
  if (path === null || !headers.every(isDecoded) || !queryParameters.every(isDecoded)) return null;
  return {
    path,
    caseSensitive: message.case_sensitive?.value ?? true,
    headers,
    queryParameters,
    grpcOnly: message.grpc !== null,
    runtimeFraction,
  };
}

function isDecoded<T>(value: T | null): value is T {
  return value !== null;
}

function decodePath(message: RouteMatchMessage, scope: Scope): PathMatch | null {
  if (message.prefix !== undefined) return { kind: 'prefix', value: message.prefix };
  if (message.path !== undefined) return { kind: 'exact', value: message.path };
  if (message.safe_regex !== undefined) {
    return { kind: 'regex', value: checkRegex(message.safe_regex.regex, scope.at('safe_regex.regex')) };
  }
  const separated = message.path_separated_prefix;
  if (separated !== undefined) {
    const at = scope.at('path_separated_prefix');
    if (!/^[^?#]+[^?#/]$/.test(separated))
      at.fail('must be longer than one character, not end in / and hold no ? or #');
    return { kind: 'separated-prefix', value: separated };
  }
  if (message.connect_matcher !== undefined) {
    scope.at('connect_matcher').unsupported('the route is left out: CONNECT is not matched');
  } else if (message.path_match_policy !== undefined) {
    scope.at('path_match_policy').unsupported('the route is left out: path templates are not matched');
  } else {
    scope.fail('no path specifier that we know is set');
  }
  return null;
}

export function decodeHeaderMatcher(message: HeaderMatcherMessage, scope: Scope): HeaderMatcher | null {
  if (!headerName.test(message.name)) scope.at('name').fail(`"${message.name}" is not a header name`);
  const match = decodeHeaderMatch(message, scope);
  if (match === null) return null;
  const name = message.name.toLowerCase();
  return {
    // For Envoy, `host` is another name of the authority (envoy-behaviours.md 3.5).
    name: name === 'host' ? ':authority' : name,
    match,
    invert: message.invert_match,
    treatMissingAsEmpty: message.treat_missing_header_as_empty,
  };
}

function decodeHeaderMatch(message: HeaderMatcherMessage, scope: Scope): HeaderMatcher['match'] | null {
  if (message.string_match !== undefined) return decodeStringMatch(message.string_match, scope.at('string_match'));
  if (message.safe_regex_match !== undefined) {
    return { kind: 'regex', value: checkRegex(message.safe_regex_match.regex, scope.at('safe_regex_match.regex')) };
  }
  if (message.range_match !== undefined) {
    const { start, end } = message.range_match;
    if (end <= start) scope.at('range_match').fail(`the end, ${end}, is not above the start, ${start}`);
    return { kind: 'range', start, end };
  }
  if (message.present_match !== undefined) return { kind: 'present', value: message.present_match };
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[`${kind}_match`];
    if (value === undefined) continue;
    if (value === '' && kind !== 'exact') scope.at(`${kind}_match`).fail('must not be empty');
    return { kind, value, ignoreCase: false };
  }
  // A matcher with only a name asks for presence (envoy-behaviours.md 3.3).
  return { kind: 'present', value: true };
}

function decodeQueryParameter(message: QueryParameterMatcherMessage, scope: Scope): QueryParameterMatcher | null {
  if (message.name === '') scope.at('name').fail('must not be empty');
  if (message.string_match === undefined) {
    return { name: message.name, match: { kind: 'present', value: message.present_match ?? true } };
  }
  const match = decodeStringMatch(message.string_match, scope.at('string_match'));
  return match === null ? null : { name: message.name, match };
}
