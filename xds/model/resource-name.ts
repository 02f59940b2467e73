// Names of resources: those of the form `xdstp://authority/type/id?parameters` (xRFC TP1), and those that a template makes.
// Pure.

/**
 * The name of the listener for a target (`client_default_listener_resource_name_template`, gRFC A47): `%s` of the template
 * stands for it, percent-encoded as a path is where the name is an `xdstp:` one.
 */
export function listenerNameOf(template: string, target: string): string {
  if (template === '%s') return target;
  const replacement = template.startsWith('xdstp:') ? encodePath(target) : target;
  return template.replaceAll('%s', () => replacement);
}

/** All but what may stand in a path (RFC 3986 section 3.3) becomes `%XX`. */
function encodePath(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%(?:21|24|26|2[789A-F]|3[ABD]|40)/g, decodeURIComponent);
}

export type ParsedName =
  /** Opaque: of the servers that the bootstrap names first. */
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'xdstp';
      readonly authority: string;
      /** The full name of the resource's message. */
      readonly messageName: string;
      /** The one way to write the name: its parameters in the order of their keys. */
      readonly canonical: string;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

const scheme = 'xdstp:';

/** What a name says of where its resource is. Context parameters mean the same in any order (xRFC TP1). */
export function parseResourceName(name: string): ParsedName {
  if (!name.startsWith(scheme)) return { kind: 'plain' };
  const [, authority = '', messageName = '', id = '', query = '', directives = ''] =
    /^xdstp:\/\/([^/?#]*)\/([^/?#]+)\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(name) ?? [];
  if (messageName === '') return invalid(name, 'is not of the form xdstp://authority/type/id');
  if (directives !== '') return invalid(name, 'has a directive behind "#", which is not supported');
  if (id === '*' || id.endsWith('/*')) return invalid(name, 'is one of a collection, which is not supported');
  const parameters = query === '' ? [] : query.split('&').sort();
  const keys = parameters.map((parameter) => parameter.split('=', 1)[0]);
  if (new Set(keys).size < keys.length) return invalid(name, 'has a parameter twice');
  const canonical = `xdstp://${authority}/${messageName}/${id}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
  return { kind: 'xdstp', authority, messageName, canonical };
}

/** The one way to write a name that is known to be sound; others stay as they are. */
export function canonicalName(name: string): string {
  const parsed = parseResourceName(name);
  return parsed.kind === 'xdstp' ? parsed.canonical : name;
}

/** The authority of an `xdstp:` name; `null`: it is none, or not a sound one. */
export function authorityOf(name: string): string | null {
  const parsed = parseResourceName(name);
  return parsed.kind === 'xdstp' ? parsed.authority : null;
}

function invalid(name: string, problem: string): ParsedName {
  return { kind: 'invalid', reason: `the name "${name}" ${problem}` };
}
