// `redirect`: where a call is told to go instead (envoy.config.route.v3.RedirectAction).
import type { PathMatch, RedirectAction } from '../../xds/model/route.ts';
import { byteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { compilePathRewrite } from './path-rewrite.ts';
import { splitPath } from './request-path.ts';

/** Makes the `location` of a call, as latin1. */
export type Location = (head: CallHead) => string;

export function compileRedirect(action: RedirectAction, match: PathMatch): Location {
  const rewrite = action.path === null || action.path.kind === 'whole' ? null : compilePathRewrite(action.path, match);
  const whole = action.path?.kind === 'whole' ? byteText(action.path.value) : null;
  return ({ authority, path: text, block }) => {
    const scheme = block.value(':scheme') ?? 'http';
    const { path, query } = splitPath(text);
    const newPath = whole ?? (rewrite === null ? path : rewrite(path));
    // A whole path may bring a query of its own.
    const keepsQuery = query !== null && !action.stripQuery && !newPath.includes('?');
    const newScheme = action.scheme ?? scheme;
    const host = redirectedHost(action, authority, scheme, newScheme);
    return `${newScheme}://${host}${newPath}${keepsQuery ? `?${query}` : ''}`;
  };
}

/** The port stays unless it is the default of a scheme that is left (envoy-behaviours 5.5). */
function redirectedHost(action: RedirectAction, authority: string, from: string, to: string): string {
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']') && /^[0-9]+$/.test(authority.slice(colon + 1));
  const oldHost = hasPort ? authority.slice(0, colon) : authority;
  const oldPort = hasPort ? authority.slice(colon + 1) : '';
  const host = action.host === null ? oldHost : byteText(action.host);
  if (action.port !== null) return `${host}:${action.port}`;
  if (action.host !== null) return host;
  const defaultPort = from === 'https' ? '443' : '80';
  return oldPort === '' || (from !== to && oldPort === defaultPort) ? host : `${host}:${oldPort}`;
}
