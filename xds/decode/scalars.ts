// Small values that several resources hold: durations, addresses, fractions, text and regex matchers, data sources.
import { isIP } from 'node:net';
import { RE2JS } from 're2js';
import type { SocketAddress } from '../model/address.ts';
import type { StringMatch } from '../model/matcher.ts';
import type { Fraction } from '../model/route.ts';
import type {
  AddressMessage,
  DataSourceMessage,
  DurationMessage,
  FractionalPercentMessage,
  StringMatcherMessage,
} from './core-messages.ts';
import { type DecodeContext, messageOf } from './decode-context.ts';
import type { Scope } from './validation.ts';

export const maxUint32 = 4_294_967_295;

/** The bounds of google.protobuf.Duration: about 10,000 years. */
const maxDurationSeconds = 315_576_000_000;

/** A regex longer than this is refused before it is compiled. */
const maxRegexLength = 16_384;

/** Milliseconds, rounded up; `null` when absent or after a problem was noted. Negative ones are a problem. */
export function decodeDuration(duration: DurationMessage | null, scope: Scope): number | null {
  if (duration === null) return null;
  const { seconds, nanos } = duration;
  if (Math.abs(seconds) > maxDurationSeconds || Math.abs(nanos) > 999_999_999) {
    scope.fail('not a valid duration');
    return null;
  }
  if (seconds < 0 || nanos < 0) {
    scope.fail('must not be negative');
    return null;
  }
  return Math.ceil(seconds * 1000 + nanos / 1_000_000);
}

export type DecodedAddress =
  | { readonly kind: 'address'; readonly address: SocketAddress }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'invalid' };

/** What `host` may be: an IP literal, or a DNS name too. */
export function decodeAddress(message: AddressMessage | null, hosts: 'ip' | 'dns', scope: Scope): DecodedAddress {
  if (message?.pipe !== undefined) {
    return { kind: 'unsupported', reason: scope.at('pipe').unsupported('Unix sockets are not supported') };
  }
  if (message?.envoy_internal_address !== undefined) {
    const reason = scope.at('envoy_internal_address').unsupported('internal listeners are not supported');
    return { kind: 'unsupported', reason };
  }
  const socket = message?.socket_address;
  if (socket === undefined) {
    scope.fail('no address is set');
    return { kind: 'invalid' };
  }
  const at = scope.at('socket_address');
  const { address: host, port_value: port } = socket;
  if (port === undefined) at.at('port_value').fail('required');
  else if (port > 65_535) at.at('port_value').fail(`${port} is not a port`);
  if (host === '') at.at('address').fail('must not be empty');
  else if (hosts === 'ip' && socket.resolver_name !== '') at.at('resolver_name').fail('not allowed here');
  else if (hosts === 'ip' && isIP(host) === 0) at.at('address').fail(`"${host}" is not an IP address`);
  else if (port !== undefined && port <= 65_535) {
    if (socket.protocol === 'TCP') return { kind: 'address', address: { host, port } };
    return { kind: 'unsupported', reason: at.at('protocol').unsupported(`${socket.protocol} is not supported`) };
  }
  return { kind: 'invalid' };
}

const denominators: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** `null` where it is absent or after a problem was noted. */
export function decodeFraction(percent: FractionalPercentMessage | null, scope: Scope): Fraction | null {
  if (percent === null) return null;
  const denominator = denominators[percent.denominator];
  if (denominator === undefined) {
    scope.at('denominator').fail(`unknown value ${percent.denominator}`);
    return null;
  }
  return { numerator: Math.min(percent.numerator, denominator), denominator };
}

/** Notes a problem where RE2 does not take the expression. Returns it unchanged. */
export function checkRegex(regex: string, scope: Scope): string {
  const problem = regexProblem(regex);
  if (problem !== null) scope.fail(problem);
  return regex;
}

/** What is wrong with an RE2 expression; `null`: nothing. */
export function regexProblem(regex: string): string | null {
  if (regex === '') return 'must not be empty';
  if (regex.length > maxRegexLength) return `longer than ${maxRegexLength} characters`;
  try {
    RE2JS.compile(regex);
    return null;
  } catch (error) {
    return `not a valid RE2 expression: ${messageOf(error)}`;
  }
}

/** `null` after a problem was noted. */
export function decodeStringMatch(message: StringMatcherMessage, scope: Scope): StringMatch | null {
  if (message.safe_regex !== undefined) {
    return { kind: 'regex', value: checkRegex(message.safe_regex.regex, scope.at('safe_regex.regex')) };
  }
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[kind];
    if (value === undefined) continue;
    // Only an exact match may be for the empty text (PGV rules of envoy.type.matcher.v3.StringMatcher).
    if (value === '' && kind !== 'exact') scope.at(kind).fail('must not be empty');
    return { kind, value, ignoreCase: message.ignore_case };
  }
  scope.fail('no match pattern that we know is set');
  return null;
}

export type DecodedText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' | 'invalid' }
  | { readonly kind: 'unsupported'; readonly reason: string };

/** The text of a data source. An unreadable file is a problem; a file that we may not read is unsupported. */
export function decodeText(context: DecodeContext, source: DataSourceMessage | null, scope: Scope): DecodedText {
  if (source === null) return { kind: 'absent' };
  if (source.inline_string !== undefined) return { kind: 'text', text: source.inline_string };
  if (source.inline_bytes !== undefined)
    return { kind: 'text', text: Buffer.from(source.inline_bytes).toString('utf8') };
  if (source.environment_variable !== undefined) {
    return { kind: 'unsupported', reason: scope.at('environment_variable').unsupported('not supported') };
  }
  if (source.filename === undefined) {
    scope.fail('no source is set');
    return { kind: 'invalid' };
  }
  if (context.readFile === null) {
    return { kind: 'unsupported', reason: scope.at('filename').unsupported('files are not read here') };
  }
  try {
    return { kind: 'text', text: context.readFile(source.filename) };
  } catch (error) {
    scope.at('filename').fail(messageOf(error));
    return { kind: 'invalid' };
  }
}
