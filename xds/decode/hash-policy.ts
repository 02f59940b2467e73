// RouteAction.HashPolicy -> HashPolicy.
import type { HashPolicy } from '../model/route.ts';
import type { HashPolicyMessage } from './route-messages.ts';
import { decodeSubstitution } from './substitution.ts';
import type { Scope } from './validation.ts';

/** The filter state that gRPC clients hash by (gRFC A42): one value for each connection. */
const channelId = 'io.grpc.channel_id';

/** A policy that finds nothing here is left out, as gRPC does with those it does not know. */
export function decodeHashPolicies(messages: readonly HashPolicyMessage[], scope: Scope): readonly HashPolicy[] {
  return messages.flatMap((message, index): HashPolicy[] => {
    const policy = decodeHashPolicy(message, scope.item('hash_policy', index));
    return policy === null ? [] : [policy];
  });
}

function decodeHashPolicy(message: HashPolicyMessage, scope: Scope): HashPolicy | null {
  const { terminal } = message;
  if (message.header !== undefined) {
    const at = scope.at('header');
    const name = message.header.header_name.toLowerCase();
    if (name === '') at.at('header_name').fail('must not be empty');
    const rewrite = decodeSubstitution(message.header.regex_rewrite, at.at('regex_rewrite'));
    return { kind: 'header', name, rewrite, terminal };
  }
  if (message.cookie !== undefined) {
    const at = scope.at('cookie');
    if (message.cookie.name === '') at.at('name').fail('must not be empty');
    if (message.cookie.ttl !== null) at.at('ttl').unsupported('a cookie that is absent is not made');
    return { kind: 'cookie', name: message.cookie.name, terminal };
  }
  if (message.connection_properties !== undefined) {
    return message.connection_properties.source_ip ? { kind: 'source-ip', terminal } : null;
  }
  if (message.query_parameter !== undefined) {
    if (message.query_parameter.name === '') scope.at('query_parameter.name').fail('must not be empty');
    return { kind: 'query-parameter', name: message.query_parameter.name, terminal };
  }
  if (message.filter_state !== undefined) {
    if (message.filter_state.key === channelId) return { kind: 'connection', terminal };
    scope.at('filter_state.key').unsupported(`only "${channelId}" is supported`);
    return null;
  }
  scope.unsupported('no policy that we know is set');
  return null;
}
