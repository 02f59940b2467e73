// Rules of access control, compiled. What can't be evaluated (a text too long for a regex, for one) is neither true nor
// false, and stays so through `not`, so that whoever asks can take the safe side.
import type { CallRule } from '../../xds/model/http-filter.ts';
import type { StringMatch } from '../../xds/model/matcher.ts';
import type { CallFacts } from '../director/call-facts.ts';
import { compileHeaderMatcher } from '../director/condition.ts';
import { splitPath } from '../director/request-path.ts';
import { compileAddressRange, hostOf, portOf } from '../grpc/address-range.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { compileStringMatch, isTooLong } from '../grpc/string-match.ts';

export type Verdict = 'holds' | 'fails' | 'unknown';

export type RuleTest = (head: CallHead, facts: CallFacts) => Verdict;

export function compileCallRule(rule: CallRule): RuleTest {
  switch (rule.kind) {
    case 'any':
      return () => 'holds';
    case 'unknown':
      return () => 'unknown';
    case 'not': {
      const test = compileCallRule(rule.rule);
      return (head, facts) => opposite(test(head, facts));
    }
    case 'all-of':
      return combine(rule.rules.map(compileCallRule), 'fails', 'holds');
    case 'any-of':
      return combine(rule.rules.map(compileCallRule), 'holds', 'fails');
    case 'header': {
      const condition = compileHeaderMatcher(rule.matcher);
      return (head) => (condition.isUndecided(head) ? 'unknown' : verdictOf(condition.holds(head)));
    }
    case 'path': {
      const test = compileText(rule.match);
      return ({ path }) => test(splitPath(path).path);
    }
    case 'source-ip': {
      const test = compileAddressRange(rule.range);
      return (_head, { peer }) => verdictOf(test(hostOf(peer)));
    }
    case 'destination-ip': {
      const test = compileAddressRange(rule.range);
      return (_head, { localAddress }) => verdictOf(test(hostOf(localAddress)));
    }
    case 'destination-port':
      return (_head, { localAddress }) => {
        const port = portOf(localAddress);
        return verdictOf(port >= rule.first && port < rule.end);
      };
    case 'server-name': {
      const test = compileText(rule.match);
      return (_head, { serverName }) => test(serverName);
    }
    case 'authenticated':
      return compileAuthenticated(rule.match === null ? null : compileText(rule.match));
  }
}

/** The URIs of the certificate are its names, else its DNS names, else its subject (gRFC A41). */
function compileAuthenticated(test: ((name: string) => Verdict) | null): RuleTest {
  return (_head, { peerSubject, peerSans }) => {
    if (peerSubject === null) return 'fails';
    if (test === null) return 'holds';
    const uris = namesOf(peerSans, 'URI:');
    const names = uris.length > 0 ? uris : namesOf(peerSans, 'DNS:');
    const verdicts = (names.length > 0 ? names : [peerSubject]).map(test);
    if (verdicts.includes('holds')) return 'holds';
    return verdicts.includes('unknown') ? 'unknown' : 'fails';
  };
}

function compileText(match: StringMatch): (text: string) => Verdict {
  const test = compileStringMatch(match);
  return (text) => (isTooLong(match, text) ? 'unknown' : verdictOf(test(text)));
}

function namesOf(sans: readonly string[], prefix: string): string[] {
  return sans.flatMap((san) => (san.startsWith(prefix) ? [san.slice(prefix.length)] : []));
}

/** The first verdict of that kind settles it; what is unknown outweighs the others. */
function combine(tests: readonly RuleTest[], settling: Verdict, otherwise: Verdict): RuleTest {
  return (head, facts) => {
    let verdict = otherwise;
    for (const test of tests) {
      const one = test(head, facts);
      if (one === settling) return settling;
      if (one === 'unknown') verdict = 'unknown';
    }
    return verdict;
  };
}

function opposite(verdict: Verdict): Verdict {
  if (verdict === 'unknown') return verdict;
  return verdict === 'holds' ? 'fails' : 'holds';
}

function verdictOf(holds: boolean): Verdict {
  return holds ? 'holds' : 'fails';
}
