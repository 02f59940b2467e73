// The decoded form of envoy.config.rbac.v3 and of its HTTP filter (conventions: core-messages.ts).
import type { EnumValue, StringMatcherMessage } from './core-messages.ts';
import type { CidrRangeMessage } from './listener-messages.ts';
import type { HeaderMatcherMessage } from './route-messages.ts';

export interface RbacFilterMessage {
  readonly rules: RbacMessage | null;
  readonly matcher: object | null;
}

export interface RbacPerRouteMessage {
  readonly rbac: RbacFilterMessage | null;
}

export interface RbacMessage {
  readonly action: EnumValue;
  readonly policies: Readonly<Record<string, RbacPolicyMessage>>;
}

export interface RbacPolicyMessage {
  readonly permissions: readonly PermissionMessage[];
  readonly principals: readonly PrincipalMessage[];
  readonly condition: object | null;
}

/** What permissions and principals have in common. */
interface RuleMessage {
  readonly any?: boolean;
  readonly header?: HeaderMatcherMessage;
  readonly url_path?: { readonly path?: StringMatcherMessage };
  readonly metadata?: object;
}

export interface PermissionMessage extends RuleMessage {
  readonly and_rules?: { readonly rules: readonly PermissionMessage[] };
  readonly or_rules?: { readonly rules: readonly PermissionMessage[] };
  readonly not_rule?: PermissionMessage;
  readonly destination_ip?: CidrRangeMessage;
  readonly destination_port?: number;
  readonly destination_port_range?: { readonly start: number; readonly end: number };
  readonly requested_server_name?: StringMatcherMessage;
  readonly matcher?: object;
  readonly uri_template?: object;
}

export interface PrincipalMessage extends RuleMessage {
  readonly and_ids?: { readonly ids: readonly PrincipalMessage[] };
  readonly or_ids?: { readonly ids: readonly PrincipalMessage[] };
  readonly not_id?: PrincipalMessage;
  readonly authenticated?: { readonly principal_name: StringMatcherMessage | null };
  readonly source_ip?: CidrRangeMessage;
  readonly direct_remote_ip?: CidrRangeMessage;
  readonly remote_ip?: CidrRangeMessage;
  readonly filter_state?: object;
}
