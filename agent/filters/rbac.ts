// Role-based access control (envoy.config.rbac.v3.RBAC, gRFC A41).
import type { RbacRules } from '../../xds/model/http-filter.ts';
import type { CallFacts } from '../director/call-facts.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { compileCallRule, type RuleTest, type Verdict } from './call-rule.ts';

/** Why a call may not pass, for the log; `null` where it may. */
export type AccessTest = (head: CallHead, facts: CallFacts) => string | null;

/** No policies: `allow` lets nothing pass, `deny` everything. */
export function compileRbac({ action, policies }: RbacRules): AccessTest {
  const tests = policies.map(({ name, permission, principal }) => ({
    name,
    permission: compileCallRule(permission),
    principal: compileCallRule(principal),
  }));
  if (action === 'allow') {
    return (head, facts) =>
      tests.some((policy) => matches(policy, head, facts) === 'holds') ? null : 'no policy allows it';
  }
  // A policy that may match denies: what can't be evaluated lets nothing pass.
  return (head, facts) => {
    const denying = tests.find((policy) => matches(policy, head, facts) !== 'fails');
    return denying === undefined ? null : `policy "${denying.name}" denies it`;
  };
}

function matches(
  { permission, principal }: { readonly permission: RuleTest; readonly principal: RuleTest },
  head: CallHead,
  facts: CallFacts,
): Verdict {
  const first = permission(head, facts);
  if (first === 'fails') return first;
  const second = principal(head, facts);
  return second === 'holds' ? first : second;
}
