// Which pages may call (Fetch standard, section 3.2, "CORS protocol"). Pure.
import type { GrpcWeb } from '../../xds/model/listener.ts';

type Fields = Readonly<Record<string, string>>;

export type OriginVerdict =
  /** No page calls, or one of this very origin: nothing need be said to the browser. */
  | { readonly kind: 'same' }
  /** The fields to answer with. */
  | { readonly kind: 'allowed'; readonly fields: Fields }
  | { readonly kind: 'refused' };

/** @param origin the request's, if any. @param authority that the call is for. */
export function judgeOrigin(policy: GrpcWeb, origin: string | undefined, authority: string): OriginVerdict {
  if (origin === undefined) return { kind: 'same' };
  if (isOriginOf(origin, authority)) return { kind: 'same' };
  if (!policy.origins.some((pattern) => matches(pattern, origin.toLowerCase()))) return { kind: 'refused' };
  const fields = { 'access-control-allow-origin': origin, vary: 'origin' };
  const credentials = { 'access-control-allow-credentials': 'true' };
  return { kind: 'allowed', fields: policy.allowsCredentials ? { ...fields, ...credentials } : fields };
}

/** What a preflight is answered with, besides the fields of the verdict. `requested`: the fields that the page wants to send. */
export function preflightFields({ maxAgeSeconds }: GrpcWeb, requested: string | undefined): Fields {
  return {
    'access-control-allow-methods': 'POST',
    ...(requested === undefined ? {} : { 'access-control-allow-headers': requested }),
    ...(maxAgeSeconds === null ? {} : { 'access-control-max-age': String(maxAgeSeconds) }),
  };
}

/** So that the page may read the metadata of an answer. */
export function exposeFields(names: Iterable<string>): Fields {
  const exposed = new Set([...names, 'grpc-status', 'grpc-message', 'grpc-status-details-bin']);
  return { 'access-control-expose-headers': [...exposed].join(', ') };
}

function isOriginOf(origin: string, authority: string): boolean {
  return origin.replace(/^https?:\/\//i, '').toLowerCase() === authority.toLowerCase();
}

/** `*`, an origin as it stands, or one with `*.` before its domain. */
function matches(pattern: string, origin: string): boolean {
  if (pattern === '*') return true;
  const star = pattern.indexOf('*');
  if (star === -1) return pattern === origin;
  const [before, behind] = [pattern.slice(0, star), pattern.slice(star + 1)];
  const between = origin.slice(before.length, origin.length - behind.length);
  return origin.startsWith(before) && origin.endsWith(behind) && /^[a-z0-9._-]+$/.test(between);
}
