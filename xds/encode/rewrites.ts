// Rewrites of path and authority, and redirects; the mirror of decode/rewrites.ts.
import type { HostRewrite, PathRewrite, RedirectAction, Substitution } from '../model/route.ts';

/** `envoy.type.matcher.v3.RegexMatchAndSubstitute`. */
export function encodeSubstitution({ regex, replacement }: Substitution): object {
  return { pattern: { regex }, substitution: replacement };
}

/** The field of `RouteAction` or `RedirectAction` that says so. */
export function encodePathRewrite(rewrite: PathRewrite): object {
  return rewrite.kind === 'prefix' ? { prefix_rewrite: rewrite.value } : { regex_rewrite: encodeSubstitution(rewrite) };
}

/** The field of `RouteAction` that says so. */
export function encodeHostRewrite(rewrite: HostRewrite | null): object {
  switch (rewrite?.kind) {
    case undefined:
      return {};
    case 'literal':
      return { host_rewrite_literal: rewrite.value };
    case 'endpoint':
      return { auto_host_rewrite: { value: true } };
    case 'header':
      return { host_rewrite_header: rewrite.name };
    case 'path-regex':
      return { host_rewrite_path_regex: encodeSubstitution(rewrite) };
  }
}

const responseCodes: Readonly<Record<number, string>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

export function encodeRedirect({ status, scheme, host, port, path, stripQuery }: RedirectAction): object {
  return {
    response_code: responseCodes[status],
    ...(scheme === null ? {} : { scheme_redirect: scheme }),
    host_redirect: host ?? '',
    port_redirect: port ?? 0,
    ...(path === null ? {} : path.kind === 'whole' ? { path_redirect: path.value } : encodePathRewrite(path)),
    strip_query: stripQuery,
  };
}
