// Model values that several messages hold: durations, wrappers, fractions, addresses, where more configuration is.
import { type AddressRange, isSocketFile, type SocketAddress } from '../model/address.ts';
import type { StringMatch } from '../model/matcher.ts';
import type { Fraction } from '../model/route.ts';
import type { SubjectAltName } from '../model/tls.ts';
import { toStruct } from './struct.ts';

/** `google.protobuf.Duration`, exact to the nanosecond. */
export function encodeDuration(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** `null` stays absent. */
export function encodeOptionalDuration(ms: number | null): { seconds: number; nanos: number } | null {
  return ms === null ? null : encodeDuration(ms);
}

/** A `google.protobuf.*Value`. */
export function encodeWrapper<Value>(value: Value | null): { value: Value } | null {
  return value === null ? null : { value };
}

/** `envoy.config.core.v3.Address`. */
export function encodeAddress(address: SocketAddress): object {
  const { host, port } = address;
  return isSocketFile(address) ? { pipe: { path: host } } : { socket_address: { address: host, port_value: port } };
}

/** `envoy.config.core.v3.CidrRange`. */
export function encodeRange({ address, bits }: AddressRange): object {
  return { address_prefix: address, prefix_len: encodeWrapper(bits) };
}

/** `envoy.config.core.v3.ConfigSource`: the same stream that this resource came by. */
export const sameStream = { ads: {}, resource_api_version: 'V3' } as const;

const denominators: Readonly<Record<number, string>> = { 100: 'HUNDRED', 10000: 'TEN_THOUSAND', 1000000: 'MILLION' };

/** `envoy.type.v3.FractionalPercent`. Throws on a denominator that is none of its three. */
export function encodeFraction({ numerator, denominator }: Fraction): object {
  const name = denominators[denominator];
  if (name === undefined) throw new RangeError(`a fraction of ${denominator} cannot be encoded`);
  return { numerator, denominator: name };
}

/** `envoy.type.matcher.v3.StringMatcher`. */
export function encodeStringMatch(match: StringMatch): object {
  if (match.kind === 'regex') return { safe_regex: { regex: match.value } };
  return { [match.kind]: match.value, ignore_case: match.ignoreCase };
}

/** `envoy.config.core.v3.DataSource`; `null` stays absent. */
export function encodeInlineText(text: string | null): object | null {
  return text === null ? null : { inline_string: text };
}

const nameTypes: Readonly<Record<Exclude<SubjectAltName['kind'], 'any'>, string>> = {
  dns: 'DNS',
  uri: 'URI',
  email: 'EMAIL',
  ip: 'IP_ADDRESS',
};

/** `SubjectAltNameMatcher`s: one, or one of each type where any will do. */
export function encodeSubjectAltName({ kind, match }: SubjectAltName): object[] {
  const matcher = encodeStringMatch(match);
  if (kind !== 'any') return [{ san_type: nameTypes[kind], matcher }];
  return Object.values(nameTypes).map((type) => ({ san_type: type, matcher }));
}

/** The `google.protobuf.Struct` of labels whose values are JSON text. */
export function encodeLabels(labels: Readonly<Record<string, string>>): object {
  return toStruct(Object.fromEntries(Object.entries(labels).map(([name, json]) => [name, JSON.parse(json)])));
}
