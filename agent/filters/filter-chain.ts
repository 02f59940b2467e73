// The filters of one connection manager, asked in order about each call; the route that takes it may have given them
// other rules.
import type { FilterOverrides, HttpFilter, RbacRules } from '../../xds/model/http-filter.ts';
import type { CallFacts } from '../director/call-facts.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { type AccessTest, compileRbac } from './rbac.ts';

/** A call that may not pass. */
export interface Denial {
  /** Which filter, and why: for the log. What a caller is told says nothing of the policies. */
  readonly reason: string;
}

export class CallFilters {
  readonly #filters: readonly CompiledFilter[];

  private constructor(filters: readonly HttpFilter[]) {
    this.#filters = filters.map(({ name, rules }) => ({ name, test: rules === null ? null : compileRbac(rules) }));
  }

  /** `null` where there are none, so that calls need not ask. */
  static compile(filters: readonly HttpFilter[]): CallFilters | null {
    return filters.length === 0 ? null : new CallFilters(filters);
  }

  /** `null`: the call passes. */
  check(head: CallHead, facts: CallFacts, overrides: FilterOverrides | null): Denial | null {
    for (const { name, test: own } of this.#filters) {
      const test = overrides !== null && Object.hasOwn(overrides, name) ? testOf(overrides[name] ?? null) : own;
      const reason = test === null ? null : test(head, facts);
      if (reason !== null) return { reason: `filter ${name}: ${reason}` };
    }
    return null;
  }
}

interface CompiledFilter {
  readonly name: string;
  /** `null`: it has no rules. */
  readonly test: AccessTest | null;
}

// A resource never changes, so its rules are compiled once, at the first call that meets them.
const compiled = new WeakMap<RbacRules, AccessTest>();

function testOf(rules: RbacRules | null): AccessTest | null {
  if (rules === null) return null;
  let test = compiled.get(rules);
  if (test === undefined) {
    test = compileRbac(rules);
    compiled.set(rules, test);
  }
  return test;
}
