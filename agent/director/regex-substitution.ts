// Replacing what an RE2 expression finds (envoy.type.matcher.v3.RegexMatchAndSubstitute).
import { RE2JS } from 're2js';
import type { Substitution } from '../../xds/model/route.ts';
import { byteText, isAscii } from '../grpc/byte-text.ts';
import { MAX_REGEX_INPUT } from '../grpc/string-match.ts';

/** Text in the form that header values have, to such text. */
export type TextEdit = (value: string) => string;

/**
 * Every match is replaced (envoy-behaviours 5.2). Longer text than regexes are run over, and text that is no UTF-8,
 * stays as it is, and so does all text under an expression that does not compile: the decoder refuses that long before.
 */
export function compileSubstitution({ regex, replacement }: Substitution): TextEdit {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(regex);
  } catch {
    return (value) => value;
  }
  const parts = replacementParts(replacement);
  return (value) => {
    if (value.length > MAX_REGEX_INPUT) return value;
    const text = isAscii(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
    if (text.includes('\ufffd')) return value;
    return byteText(replaceAll(compiled, text, parts));
  };
}

/** Text, or the number of a group. */
type ReplacementPart = string | number;

function replaceAll(regex: RE2JS, text: string, parts: readonly ReplacementPart[]): string {
  const matcher = regex.matcher(text);
  let replaced = '';
  let kept = 0;
  while (matcher.find()) {
    replaced += text.slice(kept, matcher.start());
    for (const part of parts) replaced += typeof part === 'string' ? part : (matcher.group(part) ?? '');
    kept = matcher.end();
  }
  return replaced + text.slice(kept);
}

/** `\0` to `\9` are groups, `\\` is a backslash; anything else is itself. */
function replacementParts(replacement: string): ReplacementPart[] {
  const parts: ReplacementPart[] = [];
  for (const [text] of replacement.matchAll(/\\[0-9\\]|[^\\]+|\\/g)) {
    if (text === '\\\\') parts.push('\\');
    else if (text.length === 2 && text[0] === '\\') parts.push(Number(text[1]));
    else parts.push(text);
  }
  return parts;
}
