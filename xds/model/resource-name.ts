// Names of resources that are made of other names. Pure.

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
