// A client of gRPC-Web by `fetch` alone, written after PROTOCOL-WEB.md: in Node, and, by its source, inside a page.

export interface WebAnswer {
  readonly httpStatus: number;
  readonly contentType: string;
  /** Of the answer's head, as far as the page may read them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly messages: readonly string[];
  /** Those in the body, or, where there is no body, those in the head. */
  readonly trailers: Readonly<Record<string, string>>;
}

/** One call with one message of text. It uses nothing from around it, so that its source can go into a page. */
export async function callGrpcWeb(
  url: string,
  message: string,
  fields: Readonly<Record<string, string>> = {},
  form: 'binary' | 'text' = 'binary',
): Promise<WebAnswer> {
  const frame = (text: string): Uint8Array<ArrayBuffer> => {
    const bytes = new TextEncoder().encode(text);
    const framed = new Uint8Array(5 + bytes.length);
    new DataView(framed.buffer).setUint32(1, bytes.length);
    framed.set(bytes, 5);
    return framed;
  };
  const toText = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
  const type = form === 'text' ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto';
  const framed = frame(message);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': type, accept: type, 'x-grpc-web': '1', ...fields },
    body: form === 'text' ? toText(framed) : framed,
  });
  let body = new Uint8Array(await response.arrayBuffer());
  if (form === 'text') {
    const pieces = new TextDecoder().decode(body).match(/[^=]+={0,2}/g) ?? [];
    body = Uint8Array.from(pieces.map((piece) => atob(piece)).join(''), (letter) => letter.charCodeAt(0));
  }
  const messages: string[] = [];
  let trailers: Record<string, string> | null = null;
  for (let at = 0; at + 5 <= body.length; ) {
    const length = new DataView(body.buffer).getUint32(at + 1);
    const payload = new TextDecoder().decode(body.subarray(at + 5, at + 5 + length));
    if (body[at] === 0x80) {
      const lines = payload.split('\r\n').filter((line) => line !== '');
      trailers = Object.fromEntries(
        lines.map((line) => [line.split(':')[0], line.slice(line.indexOf(':') + 1).trim()]),
      );
    } else messages.push(payload);
    at += 5 + length;
  }
  const headers = Object.fromEntries(response.headers.entries());
  return {
    httpStatus: response.status,
    contentType: headers['content-type'] ?? '',
    headers,
    messages,
    trailers: trailers ?? headers,
  };
}
