// What each level of a route configuration may change: headers, and the rules of filters.
import type { RouteConfiguration } from '../model/route.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeHeaderMutations } from './header-mutations.ts';
import { decodeFilterOverrides } from './http-filters.ts';
import type { LevelMessage } from './route-messages.ts';
import type { Scope } from './validation.ts';

export function decodeLevel(
  context: DecodeContext,
  message: LevelMessage,
  scope: Scope,
): Pick<RouteConfiguration, 'mutations' | 'filterOverrides'> {
  return {
    mutations: decodeHeaderMutations(message, scope),
    filterOverrides: decodeFilterOverrides(context, message.typed_per_filter_config, scope),
  };
}
