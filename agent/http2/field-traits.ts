// What is known about names before the first call: whose values vary with each call, and whose must not be kept.

/** How a name's values are treated. */
export interface FieldTraits {
  /** Its values keep being new: always a hole. */
  readonly varies: boolean;
  /** Its values are secret: always a hole, and never-indexed (RFC 7541 section 7.1.3). */
  readonly isSecret: boolean;
  /** So many new values on one connection make the name a hole there. */
  readonly maxValues: number;
}

const secretNames = ['authorization', 'cookie', 'proxy-authorization', 'set-cookie'];

const varyingNames = [
  'age',
  'b3',
  'baggage',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'date',
  'elastic-apm-traceparent',
  'etag',
  'expires',
  'forwarded',
  'grpc-message',
  'grpc-retry-pushback-ms',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'range',
  'referer',
  'traceparent',
  'tracestate',
  'uber-trace-id',
  'x-amzn-trace-id',
  'x-b3-parentspanid',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-datadog-parent-id',
  'x-datadog-trace-id',
  'x-envoy-upstream-service-time',
  'x-forwarded-for',
  'x-ot-span-context',
  'x-request-id',
  'x-request-start',
];

/** The names above, which are recognised at first sight. */
export const wellKnownNames: readonly string[] = [
  ...secretNames,
  ...varyingNames,
  'connection',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-previous-rpc-attempts',
  'grpc-status',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
];

const secret: FieldTraits = { varies: true, isSecret: true, maxValues: 0 };
const varying: FieldTraits = { varies: true, isSecret: false, maxValues: 0 };
const ordinary: FieldTraits = { varies: false, isSecret: false, maxValues: 24 };
/** Methods and hosts are many in a large mesh, yet worth their shapes: routing reads them. */
const ofTarget: FieldTraits = { varies: false, isSecret: false, maxValues: 512 };

const secretSet = new Set(secretNames);
const varyingSet = new Set(varyingNames);

export function traitsOf(name: string): FieldTraits {
  if (secretSet.has(name) || name.endsWith('-bin')) return secret;
  if (varyingSet.has(name)) return varying;
  return name === ':path' || name === ':authority' ? ofTarget : ordinary;
}
