// HTTP filters of a connection manager that act on calls, in their order.
import type { AddressRange } from './address.ts';
import type { HeaderMatcher, StringMatch } from './matcher.ts';

/** Role-based access control (envoy.extensions.filters.http.rbac.v3.RBAC, gRFC A41). `null` rules allow everything. */
export interface HttpFilter {
  readonly kind: 'rbac';
  /** By which routes name it to give it other rules. */
  readonly name: string;
  readonly rules: RbacRules | null;
}

/** Rules of a filter at a route, virtual host, weighted cluster or configuration, by the filter's name. */
export type FilterOverrides = Readonly<Record<string, RbacRules | null>>;

/** `allow`: a call passes if any policy matches; `deny`: if none does. */
export interface RbacRules {
  readonly action: 'allow' | 'deny';
  readonly policies: readonly RbacPolicy[];
}

/** Matches where both do. */
export interface RbacPolicy {
  readonly name: string;
  readonly permission: CallRule;
  readonly principal: CallRule;
}

/** What a policy asks of a call. */
export type CallRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'all-of' | 'any-of'; readonly rules: readonly CallRule[] }
  | { readonly kind: 'not'; readonly rule: CallRule }
  | { readonly kind: 'header'; readonly matcher: HeaderMatcher }
  /** The path without its query. */
  | { readonly kind: 'path'; readonly match: StringMatch }
  | { readonly kind: 'source-ip' | 'destination-ip'; readonly range: AddressRange }
  /** first <= port < end. */
  | { readonly kind: 'destination-port'; readonly first: number; readonly end: number }
  | { readonly kind: 'server-name'; readonly match: StringMatch }
  /** The caller has a verified certificate, whose name (URI, else DNS name, else subject) matches; `null`: any. */
  | { readonly kind: 'authenticated'; readonly match: StringMatch | null }
  /** Something that we can't evaluate: whatever it is asked for, the call is not let through because of it. */
  | { readonly kind: 'unknown'; readonly reason: string };
