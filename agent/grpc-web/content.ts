// What a content-type says of gRPC-Web (grpc/grpc doc PROTOCOL-WEB.md): whether it is that, how its bytes are written, and
// what messages they are.

export interface WebContent {
  /** `application/grpc-web-text`: all of a body is base64. */
  readonly isText: boolean;
  /** `+proto` and the like; empty where it names none. */
  readonly suffix: string;
}

/** `null`: it is something else. */
export function readWebContent(contentType: string): WebContent | null {
  const match = /^application\/grpc-web(-text)?(\+[a-z0-9.+_-]+)?(?:[ \t]*;.*)?$/i.exec(contentType);
  return match === null ? null : { isText: match[1] !== undefined, suffix: (match[2] ?? '').toLowerCase() };
}

/** What an endpoint is told instead. */
export function grpcContentType({ suffix }: WebContent): string {
  return `application/grpc${suffix}`;
}

/** What a page is told of an endpoint's answer; `null` where that is no gRPC. */
export function webContentType(contentType: string, { isText }: WebContent): string | null {
  const match = /^application\/grpc(\+[^;\s]+)?(?:[ \t]*;.*)?$/i.exec(contentType);
  return match === null ? null : `application/grpc-web${isText ? '-text' : ''}${match[1] ?? '+proto'}`;
}
