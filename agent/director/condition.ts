// What a route asks of a call's fields: its header matchers and `grpc {}`, each as one condition.
// Source: envoy.config.route.v3.HeaderMatcher; envoy-behaviours section 3; gRFC A28 where that is marked D.
import type { HeaderMatcher } from '../../xds/model/matcher.ts';
import { quoteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { compileStringMatch, describeStringMatch, isTooLong, type TextTest } from '../grpc/string-match.ts';
import type { Shape } from '../http2/index.ts';

export interface Condition {
  holds(head: CallHead): boolean;
  /** A value is too long for the rule's regex: that it does not hold says nothing. */
  isUndecided(head: CallHead): boolean;
  /** Whether it answers the same for every block of that shape. */
  isFixedIn(shape: Shape): boolean;
  /** As in "the call must …". */
  readonly requirement: string;
  /** What the call has there instead, for people. */
  finding(head: CallHead): string;
}

/** `grpc {}`. Envoy takes neither parameters nor grpc-web for gRPC (envoy-behaviours 3.6). */
export const grpcCondition: Condition = {
  holds: ({ contentType }) => contentType === 'application/grpc' || contentType.startsWith('application/grpc+'),
  isUndecided: () => false,
  isFixedIn: (shape) => isFixed(shape, 'content-type'),
  requirement: 'be gRPC by its content-type',
  finding: ({ contentType }) => `content-type is ${quoteText(contentType)}`,
};

export function compileHeaderMatcher(matcher: HeaderMatcher): Condition {
  const { match, invert, treatMissingAsEmpty } = matcher;
  const name = matcher.name === 'host' ? ':authority' : matcher.name;
  const readValues = readerOf(name);
  const isFixedIn = fixednessOf(name);
  const requirement = describeHeaderMatcher(name, matcher);
  const finding = (head: CallHead): string => describeValues(name, readValues(head));
  const isUndecided = (head: CallHead): boolean => readValues(head).some((value) => isTooLong(match, value));
  if (match.kind === 'present') {
    const holds = (head: CallHead): boolean => (readValues(head).length > 0 === match.value) !== invert;
    return { holds, isUndecided, isFixedIn, requirement, finding };
  }
  const test = match.kind === 'range' ? compileRange(match.start, match.end) : compileStringMatch(match);
  return {
    holds: (head) => {
      const found = readValues(head);
      // An absent field matches nothing, inverted or not, unless it is to be taken for an empty one (3.2).
      if (found.length === 0 && !treatMissingAsEmpty) return false;
      const values = found.length === 0 ? EMPTY_VALUE : found;
      if (values.some((value) => isTooLong(match, value))) return false;
      // Repeated fields are looked at one by one; inverted, none may match (3.1).
      return values.some(test) !== invert;
    },
    isUndecided,
    isFixedIn,
    requirement,
    finding,
  };
}

const NO_VALUES: readonly string[] = [];
const EMPTY_VALUE: readonly string[] = [''];
const GRPC_CONTENT_TYPE: readonly string[] = ['application/grpc'];

function readerOf(name: string): (head: CallHead) => readonly string[] {
  // Binary metadata can't be matched on in gRPC (gRFC A28; D of 3.5).
  if (name.endsWith('-bin')) return () => NO_VALUES;
  switch (name) {
    case ':authority':
      return ({ authority }) => (authority === '' ? NO_VALUES : [authority]);
    case 'content-type':
      // Whatever the subtype (gRFC A28; D of 3.5).
      return ({ isGrpc, block }) => (isGrpc ? GRPC_CONTENT_TYPE : block.values(name));
    case 'user-agent':
      return joined(name, ',');
    case 'cookie':
      return joined(name, '; ');
    default:
      return ({ block }) => block.values(name);
  }
}

/** Fields that Envoy keeps as one, however they came (3.1, 11.1). */
function joined(name: string, separator: string): (head: CallHead) => readonly string[] {
  return ({ block }) => {
    const values = block.values(name);
    return values.length < 2 ? values : [values.join(separator)];
  };
}

function fixednessOf(name: string): (shape: Shape) => boolean {
  if (name.endsWith('-bin')) return () => true;
  if (name === ':authority') return (shape) => isFixed(shape, ':authority') && isFixed(shape, 'host');
  return (shape) => isFixed(shape, name);
}

/** True also when the shape has no such field. */
export function isFixed(shape: Shape, name: string): boolean {
  return shape.fields.every((field) => field.name !== name || field.value !== null);
}

/** start <= value < end on 64-bit integers; `05` and `+5` are 5 (3.4). */
function compileRange(start: number, end: number): TextTest {
  return (value) => {
    if (!/^\s*[+-]?[0-9]{1,32}\s*$/.test(value)) return false;
    const number = BigInt(value.trim().replace(/^\+/, ''));
    return number === BigInt.asIntN(64, number) && number >= start && number < end;
  };
}

function describeHeaderMatcher(name: string, { match, invert, treatMissingAsEmpty }: HeaderMatcher): string {
  if (match.kind === 'present') return match.value === invert ? `not have ${name}` : `have ${name}`;
  const rule =
    match.kind === 'range' ? `be an integer from ${match.start} to below ${match.end}` : describeStringMatch(match);
  const absent = treatMissingAsEmpty ? ' (absent counts as empty)' : '';
  return `have ${name}, which must ${invert ? 'not ' : ''}${rule}${absent}`;
}

function describeValues(name: string, values: readonly string[]): string {
  if (name.endsWith('-bin')) return `${name} is binary metadata, which can't be matched on`;
  return values.length === 0 ? `${name} is absent` : `${name} is ${values.map(quoteText).join(' and ')}`;
}
