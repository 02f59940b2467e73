// What a route makes of path and authority -> PathRewrite, HostRewrite; and redirects, which do the same at the client.
import type { HostRewrite, PathRewrite, RedirectAction } from '../model/route.ts';
import type { RedirectMessage, RouteActionMessage } from './route-messages.ts';
import { decodeSubstitution } from './substitution.ts';
import type { Scope } from './validation.ts';

/** `null` where the path passes unchanged. */
export function decodePathRewrite(message: RouteActionMessage, scope: Scope): PathRewrite | null {
  const regex = decodeSubstitution(message.regex_rewrite, scope.at('regex_rewrite'));
  if (regex !== null && message.prefix_rewrite !== '') {
    scope.at('prefix_rewrite').fail('not allowed together with regex_rewrite');
  }
  if (message.prefix_rewrite !== '') {
    checkText(message.prefix_rewrite, scope.at('prefix_rewrite'));
    return { kind: 'prefix', value: message.prefix_rewrite };
  }
  return regex === null ? null : { kind: 'regex', ...regex };
}

/** `null` where the authority passes unchanged. */
export function decodeHostRewrite(message: RouteActionMessage, scope: Scope): HostRewrite | null {
  if (message.host_rewrite_literal !== undefined) {
    checkText(message.host_rewrite_literal, scope.at('host_rewrite_literal'));
    return message.host_rewrite_literal === '' ? null : { kind: 'literal', value: message.host_rewrite_literal };
  }
  if (message.auto_host_rewrite !== undefined) return message.auto_host_rewrite.value ? { kind: 'endpoint' } : null;
  if (message.host_rewrite_header !== undefined) {
    const name = message.host_rewrite_header.toLowerCase();
    return name === '' ? null : { kind: 'header', name };
  }
  if (message.host_rewrite_path_regex === undefined) return null;
  const regex = decodeSubstitution(message.host_rewrite_path_regex, scope.at('host_rewrite_path_regex'));
  return regex === null ? null : { kind: 'path-regex', ...regex };
}

const redirectStatuses: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

export function decodeRedirect(message: RedirectMessage, scope: Scope): RedirectAction {
  const status = redirectStatuses[message.response_code];
  if (status === undefined) scope.at('response_code').fail(`unknown value ${message.response_code}`);
  if (message.port_redirect > 65_535) scope.at('port_redirect').fail(`${message.port_redirect} is not a port`);
  checkText(message.host_redirect, scope.at('host_redirect'));
  const scheme = message.scheme_redirect ?? '';
  if (scheme !== '' && !/^[a-z][a-z0-9+.-]*$/i.test(scheme))
    scope.at('scheme_redirect').fail(`"${scheme}" is no scheme`);
  return {
    kind: 'redirect',
    status: status ?? 301,
    scheme: message.https_redirect ? 'https' : scheme === '' ? null : scheme,
    host: message.host_redirect === '' ? null : message.host_redirect,
    port: message.port_redirect === 0 ? null : message.port_redirect,
    path: decodeRedirectedPath(message, scope),
    stripQuery: message.strip_query,
  };
}

function decodeRedirectedPath(message: RedirectMessage, scope: Scope): RedirectAction['path'] {
  if (message.path_redirect !== undefined && message.path_redirect !== '') {
    checkText(message.path_redirect, scope.at('path_redirect'));
    return { kind: 'whole', value: message.path_redirect };
  }
  if (message.prefix_rewrite !== undefined) {
    checkText(message.prefix_rewrite, scope.at('prefix_rewrite'));
    return { kind: 'prefix', value: message.prefix_rewrite };
  }
  if (message.regex_rewrite === undefined) return null;
  const regex = decodeSubstitution(message.regex_rewrite, scope.at('regex_rewrite'));
  return regex === null ? null : { kind: 'regex', ...regex };
}

/** What may stand in a field (RFC 9113 section 8.2.1). */
export function checkText(text: string, scope: Scope): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are forbidden.
  if (/[\x00-\x20\x7f]/.test(text)) scope.fail('holds a character that may not stand in a path or an authority');
}
