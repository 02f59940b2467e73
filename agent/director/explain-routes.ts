// Why a call is routed as it is, for people: each route in turn, until one takes the call.

import { quoteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { describeAction } from './compiled-action.ts';
import { type CompiledRoute, routeName } from './compiled-route.ts';
import type { CompiledVirtualHost } from './compiled-virtual-host.ts';
import { type RequestPath, splitPath } from './request-path.ts';
import type { DomainMatch } from './virtual-host-index.ts';

/** Routes that did not take the call and are said one by one; the others are counted. */
const MAX_LINES = 100;

export function explainRoutes(head: CallHead, match: DomainMatch<CompiledVirtualHost> | null): string[] {
  const authority = quoteText(head.authority);
  if (head.path.includes('#')) return [`the path ${quoteText(head.path)} has a fragment: the call is INTERNAL`];
  if (match === null) return [`no virtual host has a domain for authority ${authority}: the call is UNIMPLEMENTED`];
  const { owner: host, domain } = match;
  const lines = [`authority ${authority}: virtual host ${host.name}, by its domain ${quoteText(domain)}`];
  const path = splitPath(head.path);
  let unsaid = 0;
  const sayUnsaid = (): void => {
    if (unsaid > 0) lines.push(`${unsaid} more routes: not taken`);
  };
  for (const route of host.routes()) {
    const name = routeName(route.route, route.position);
    const complaint = complaintOf(route, head, path);
    if (complaint !== null) {
      if (lines.length <= MAX_LINES) lines.push(`${name}: not taken, ${complaint}`);
      else unsaid++;
      continue;
    }
    const { fraction } = route;
    const isCertain = fraction === null || fraction.numerator >= fraction.denominator;
    if (isCertain) sayUnsaid();
    const share = isCertain ? '' : ` by ${fraction.numerator} of ${fraction.denominator} calls`;
    lines.push(`${name}: taken${share}, ${describeAction(route.route.action)}`);
    if (isCertain) return lines;
  }
  sayUnsaid();
  return [...lines, 'no route takes the call: it is UNIMPLEMENTED'];
}

/** Why a route does not take the call; `null` when it does, or may by its fraction. */
function complaintOf(route: CompiledRoute, head: CallHead, path: RequestPath): string | null {
  const complaint = route.pathComplaint(path);
  if (complaint !== null) return complaint;
  const broken = route.conditions.find((condition) => !condition.holds(head));
  return broken === undefined ? null : `the call must ${broken.requirement}; ${broken.finding(head)}`;
}
