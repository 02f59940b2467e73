// envoy.type.matcher.v3.RegexMatchAndSubstitute -> Substitution.
import { RE2JS } from 're2js';
import type { Substitution } from '../model/route.ts';
import type { SubstitutionMessage } from './route-messages.ts';
import { checkRegex } from './scalars.ts';
import type { Scope } from './validation.ts';

/** `null` where it is absent. */
export function decodeSubstitution(message: SubstitutionMessage | null, scope: Scope): Substitution | null {
  if (message === null) return null;
  const at = scope.at('pattern.regex');
  if (message.pattern === null) scope.at('pattern').fail('required');
  const regex = message.pattern === null ? '' : checkRegex(message.pattern.regex, at);
  checkGroups(regex, message.substitution, scope.at('substitution'));
  return { regex, replacement: message.substitution };
}

/** A group that the expression does not have is an error, as in Envoy. */
function checkGroups(regex: string, replacement: string, scope: Scope): void {
  let groups: number;
  try {
    groups = RE2JS.compile(regex).groupCount();
  } catch {
    return;
  }
  for (const [, escaped] of replacement.matchAll(/\\(.?)/gs)) {
    if (escaped === '\\') continue;
    if (!/^[0-9]$/.test(escaped ?? '')) scope.fail('a backslash must be followed by a digit or a backslash');
    else if (Number(escaped) > groups) scope.fail(`\\${escaped}: the expression has ${groups} groups`);
  }
}
