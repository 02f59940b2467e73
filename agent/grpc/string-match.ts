// Matching one text against one rule (envoy.type.matcher.v3.StringMatcher, RegexMatcher).
import { RE2JS } from 're2js';
import type { StringMatch } from '../../xds/model/matcher.ts';
import { asciiLower, byteText, isAscii, quoteText } from './byte-text.ts';

export type TextTest = (value: string) => boolean;

/**
 * A regex is not run over more than this: RE2 takes time in proportion to the text, but for some patterns in proportion
 * to the pattern too, and a header list may have 60 KiB. A longer value matches no regex, inverted or not; whoever lets
 * calls pass by a rule asks `isTooLong` first.
 */
export const MAX_REGEX_INPUT = 4_096;

/** Whether nobody can tell if that value matches, since it is too long for a regex. */
export function isTooLong(match: { readonly kind: string }, value: string): boolean {
  return match.kind === 'regex' && value.length > MAX_REGEX_INPUT;
}

export function compileStringMatch(match: StringMatch): TextTest {
  if (match.kind === 'regex') return compileRegex(match.value);
  if (!match.ignoreCase) return compileCaseSensitive(match.kind, byteText(match.value));
  const test = compileCaseSensitive(match.kind, asciiLower(byteText(match.value)));
  return (value) => test(asciiLower(value));
}

/**
 * RE2, and the whole value has to match (envoy-behaviours 2.3). A pattern that does not compile matches nothing: the
 * decoder refuses it long before.
 */
export function compileRegex(pattern: string): TextTest {
  const regex = tryCompile(pattern);
  if (regex === null) return () => false;
  return (value) => {
    if (value.length > MAX_REGEX_INPUT) return false;
    return regex.testExact(isAscii(value) ? value : Buffer.from(value, 'latin1'));
  };
}

/** As in "must …". */
export function describeStringMatch(match: StringMatch): string {
  const value = quoteText(match.value);
  switch (match.kind) {
    case 'exact':
      return `be ${value}${ignoringCase(match.ignoreCase)}`;
    case 'prefix':
      return `begin with ${value}${ignoringCase(match.ignoreCase)}`;
    case 'suffix':
      return `end with ${value}${ignoringCase(match.ignoreCase)}`;
    case 'contains':
      return `contain ${value}${ignoringCase(match.ignoreCase)}`;
    case 'regex':
      return `match the regex ${value}`;
  }
}

export function ignoringCase(ignoreCase: boolean): string {
  return ignoreCase ? ' in any case' : '';
}

function compileCaseSensitive(kind: Exclude<StringMatch['kind'], 'regex'>, text: string): TextTest {
  switch (kind) {
    case 'exact':
      return (value) => value === text;
    case 'prefix':
      return (value) => value.startsWith(text);
    case 'suffix':
      return (value) => value.endsWith(text);
    case 'contains':
      return (value) => value.includes(text);
  }
}

function tryCompile(pattern: string): RE2JS | null {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return null;
  }
}
