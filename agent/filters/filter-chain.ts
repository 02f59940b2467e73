// The filters of one connection manager, asked in order about each call; the route that takes it may have given them
// other rules.
import type { FilterOverrides, HttpFilter, RbacRules } from '../../xds/model/http-filter.ts';
import type { CallFacts } from '../director/call-facts.ts';
import type { HttpAnswer } from '../director/decision.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status } from '../grpc/status.ts';
import type { ResponseFlag } from '../observe/call-observer.ts';
import type { CallRateLimit } from './call-rate.ts';
import { type AccessTest, compileRbac } from './rbac.ts';

/** A call that may not pass. */
export interface Denial {
  /** Which filter, and why: for the log. What a caller is told says nothing of the policies. */
  readonly reason: string;
  readonly answer: {
    readonly status: number;
    readonly message: string;
    readonly flag: ResponseFlag;
    readonly source: 'agent';
  };
  /** What callers get that don't speak gRPC. */
  readonly http: HttpAnswer;
}

/** In Envoy's words. Which policy it was is for our own log. */
const deniedText = 'RBAC: access denied';
const denied = {
  answer: { status: status.PERMISSION_DENIED, message: deniedText, flag: '-', source: 'agent' },
  http: { status: 403, body: deniedText, fields: [] },
} as const;

export class CallFilters {
  readonly #filters: readonly CompiledFilter[];
  /** Asked before all others. */
  readonly #rate: CallRateLimit | null;

  private constructor(filters: readonly HttpFilter[], rate: CallRateLimit | null) {
    this.#rate = rate;
    this.#filters = filters.map(({ name, rules }) => ({ name, test: rules === null ? null : compileRbac(rules) }));
  }

  /** `null` where there are none, so that calls need not ask. */
  static compile(filters: readonly HttpFilter[], rate: CallRateLimit | null = null): CallFilters | null {
    return filters.length === 0 && rate === null ? null : new CallFilters(filters, rate);
  }

  /** `null`: the call passes. */
  check(head: CallHead, facts: CallFacts, overrides: FilterOverrides | null): Denial | null {
    if (this.#rate !== null && !this.#rate.take(facts.peer)) return rateDenial(this.#rate);
    for (const { name, test: own } of this.#filters) {
      const test = overrides !== null && Object.hasOwn(overrides, name) ? testOf(overrides[name] ?? null) : own;
      const reason = test === null ? null : test(head, facts);
      if (reason !== null) return { reason: `filter ${name}: ${reason}`, ...denied };
    }
    return null;
  }
}

const limitedText = 'too many calls from this address (call_rate of the listener)';

function rateDenial({ status: code }: CallRateLimit): Denial {
  return {
    reason: limitedText,
    answer: { status: code, message: limitedText, flag: 'RL', source: 'agent' },
    http: { status: 429, body: limitedText, fields: [] },
  };
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
