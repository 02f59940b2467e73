// The head of a call that nobody has made, for asking what would become of it.

/**
 * The fields of a gRPC call in clear text, in the order of HTTP/2; or, where one of `headers` is not `NAME:VALUE`, that
 * one. A `path` without its first slash gets it.
 */
export function imagineCall(
  path: string,
  authority: string,
  headers: readonly string[],
): readonly (readonly [name: string, value: string])[] | string {
  const fields: [string, string][] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path.startsWith('/') ? path : `/${path}`],
    [':authority', authority],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  for (const header of headers) {
    const colon = header.indexOf(':');
    if (colon < 1) return header;
    fields.push([header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()]);
  }
  return fields;
}
