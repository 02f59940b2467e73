// Header changes may stand at each level of a route configuration. They are not carried out; each level says so once.
import type { HeaderMutationsMessage } from './route-messages.ts';
import type { Scope } from './validation.ts';

const fields = [
  'request_headers_to_add',
  'request_headers_to_remove',
  'response_headers_to_add',
  'response_headers_to_remove',
] as const;

export function reportHeaderMutations(message: HeaderMutationsMessage, scope: Scope): void {
  for (const field of fields) {
    if (message[field].length > 0) scope.at(field).unsupported('headers are not changed');
  }
}
